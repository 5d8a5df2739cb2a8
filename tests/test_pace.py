"""A refresh takes as many records at once as fit its time."""

from sessiontree.store.sqlite.pace import RECORDS_MIN, STEP_SECONDS, Pace


def test_it_begins_carefully_and_gets_faster_little_by_little():
    pace = Pace()
    taken = []
    for _ in range(5):
        taken.append(pace.records(1000))
        pace.took(taken[-1], taken[-1] / 1_000_000)
    assert taken == [200, 300, 450, 675, 1000]


def test_slowness_counts_at_once():
    pace = Pace()
    for _ in range(10):
        pace.took(RECORDS_MIN, RECORDS_MIN / 1_000_000)
    pace.took(4000, 10 * STEP_SECONDS)
    assert pace.records(4000) == 400


def test_a_few_records_say_nothing_and_are_always_allowed():
    pace = Pace()
    pace.took(RECORDS_MIN - 1, 100)
    assert pace.records(4000) == RECORDS_MIN
    pace.took(RECORDS_MIN, 100)
    assert (pace.records(4000), pace.records(3)) == (RECORDS_MIN, 3)
