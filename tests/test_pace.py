"""A refresh takes as many records at once as fit its time."""

import pytest

from sessiontree.store.sqlite.pace import RECORDS_MIN, STEP_SECONDS, Pace


def test_slowness_counts_at_once_and_speed_little_by_little():
    pace = Pace()
    assert pace.records(4000) == 10_000 * STEP_SECONDS
    pace.took(4000, 10 * STEP_SECONDS)
    taken = []
    for _ in range(4):
        taken.append(pace.records(4000))
        pace.took(taken[-1], taken[-1] / 1_000_000)
    assert taken == pytest.approx([400, 600, 900, 1350], abs=1)


def test_a_few_records_say_nothing_and_are_always_allowed():
    pace = Pace()
    pace.took(RECORDS_MIN - 1, 100)
    assert pace.records(4000) == 10_000 * STEP_SECONDS
    pace.took(RECORDS_MIN, 100)
    assert (pace.records(4000), pace.records(3)) == (RECORDS_MIN, 3)
