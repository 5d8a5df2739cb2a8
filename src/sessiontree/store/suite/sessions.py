"""Session rows follow the records: what waits is said and lost by nobody, and a refresh makes every row right."""

from datetime import UTC, datetime

from sessiontree.catalog import Catalog
from sessiontree.money import UNIT
from sessiontree.placement import Problem
from sessiontree.record import Record
from sessiontree.sessions import Session, Unlinked
from sessiontree.store import Store
from sessiontree.store.parts.notes import SMALL_ROWS
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, changed, later, record, shipped
from sessiontree.store.suite.session_lists import refresh

TALK = {"conversation_id": "talk"}
CENT = UNIT // 100


def of(store: Store, record_type: str, id: str) -> list[tuple[str, str]]:
    return store.sessions.of_record(ACCOUNT, record_type, id)


def row(store: Store, record_type: str, id: str, account: str = ACCOUNT) -> Session:
    found = store.sessions.find(account, record_type, id)
    assert found is not None
    return found


def without_parents(catalog: Catalog, name: str) -> Catalog:
    """A catalogue in which one type belongs under nothing."""
    return changed(catalog, name, parents=())


def lacking(catalog: Catalog, name: str) -> Catalog:
    """A catalogue that does not have one type."""
    return Catalog({each: t for each, t in catalog.types.items() if each != name}, catalog.updated)


def test_an_empty_store_has_nothing_to_refresh(store: Store) -> None:
    assert (store.sessions.waiting(), store.sessions.refresh()) == (0, 0)
    assert store.sessions.find(ACCOUNT, "recording", "r") is None
    assert of(store, "recording", "r") == of(store, "call-session", "s") == []


def test_a_row_says_what_its_tree_adds_up_to(store: Store) -> None:
    times = {"started_at": "2026-03-17T10:00:00Z", "finished_at": "2026-03-17T10:02:00Z"}
    add(store, record(store, "recording", "r", telnyx_session_id="s", cost="0.05", **times))
    second = {"telnyx_session_id": "s", "started_at": "2026-03-17T10:01:00Z"}
    add(store, record(store, "sip-trunking", "t", currency="EUR", cost="-0.01", **second), received=later(60))
    add(store, record(store, "webrtc", "w", telnyx_session_id="s"), received=later(30))
    before = datetime.now(UTC)
    refresh(store)
    found = row(store, "call-session", "s")
    assert before <= found.as_of <= datetime.now(UTC)
    assert found == Session(
        record_type="call-session",
        id="s",
        start=datetime(2026, 3, 17, 10, 0, tzinfo=UTC),
        finish=datetime(2026, 3, 17, 10, 2, tzinfo=UTC),
        currency="EUR",
        totals={"USD": 5 * CENT, "EUR": -CENT},
        elsewhere={},
        event_count=4,
        elsewhere_count=0,
        unpriced_count=1,
        elsewhere_unpriced_count=0,
        products=(
            ("recording-cdrs", "USD", 5 * CENT, 1),
            ("webrtc-cdrs", "USD", 0, 1),
            ("siptrunking-cdrs", "EUR", -CENT, 2),
        ),
        problems=(),
        unlinked=Unlinked.NO,
        open_start=datetime(2026, 3, 17, 10, 1, tzinfo=UTC),
        changed=later(60),
        as_of=found.as_of,
        revision=1,
    )


def test_what_was_added_waits_until_it_is_refreshed(store: Store) -> None:
    add(store, *[record(store, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(5)])
    assert store.sessions.waiting() == 5
    assert store.sessions.find(ACCOUNT, "call-session", "s0") is None
    assert [store.sessions.refresh(2) for _ in range(4)] == [3, 1, 0, 0]
    assert [row(store, "call-session", f"s{at}").event_count for at in range(5)] == [2] * 5
    add(store, record(store, "recording", "r0", telnyx_session_id="s0"))  # unchanged
    assert store.sessions.waiting() == 0


def test_a_late_parent_takes_its_children_in(store: Store) -> None:
    for id in ("i1", "i2"):
        add(store, record(store, "inference", id, cost="1", **TALK))
        refresh(store)
    assert of(store, "inference", "i1") == [("inference", "i1")]
    assert row(store, "inference", "i2").unlinked is Unlinked.NO_SUCH_PARENT
    add(store, record(store, "ai-voice-assistant", "a", **TALK))
    refresh(store)
    top = ("ai-voice-assistant", "a")
    assert [of(store, "inference", "i1"), of(store, "inference", "i2"), of(store, *top)] == [[top]] * 3
    assert store.sessions.find(ACCOUNT, "inference", "i1") is None
    assert row(store, *top).totals == {"USD": 2 * UNIT}


def test_a_record_that_changes_its_parent_leaves_one_session_for_another(store: Store) -> None:
    add(store, *[record(store, "recording", f"r{at}", telnyx_session_id="s1", cost="1") for at in range(2)])
    refresh(store)
    add(store, record(store, "recording", "r0", telnyx_session_id="s2", cost="1"))
    refresh(store)
    assert [row(store, "call-session", id).totals for id in ("s1", "s2")] == [{"USD": UNIT}] * 2
    add(store, record(store, "recording", "r1", telnyx_session_id="s2", cost="1"))
    refresh(store)
    assert store.sessions.find(ACCOUNT, "call-session", "s1") is None
    assert row(store, "call-session", "s2").event_count == 3


def test_a_record_that_changes_its_keys_loses_its_children(store: Store) -> None:
    add(store, record(store, "ai-voice-assistant", "a", cost="1", **TALK), record(store, "inference", "i", **TALK))
    refresh(store)
    assert of(store, "inference", "i") == [("ai-voice-assistant", "a")]
    for other in ("other", "another"):
        add(store, record(store, "ai-voice-assistant", "a", conversation_id=other, cost="1"))
    refresh(store)
    assert of(store, "inference", "i") == [("inference", "i")]
    assert row(store, "ai-voice-assistant", "a").event_count == 1
    add(store, record(store, "inference", "i", conversation_id="another"))
    refresh(store)
    assert of(store, "inference", "i") == [("ai-voice-assistant", "a")]


def test_another_candidate_for_a_parent_is_a_new_problem(store: Store) -> None:
    add(store, record(store, "ai-voice-assistant", "b", **TALK), record(store, "inference", "i", cost="1", **TALK))
    refresh(store)
    assert row(store, "ai-voice-assistant", "b").problems[1:] == ()
    add(store, record(store, "ai-voice-assistant", "a", **TALK))
    refresh(store)
    problems = row(store, "ai-voice-assistant", "a").problems
    assert Problem("several_parents", problems[1].message, "inference", "i") == problems[1]
    assert row(store, "ai-voice-assistant", "b").totals == {}


def test_a_record_in_two_sessions_is_at_home_in_one(store: Store) -> None:
    participant = record(store, "conference-participant", "p", conference_id="c", call_session_id="s", cost="2")
    add(store, participant, record(store, "conference", "c"))
    refresh(store)
    assert of(store, "conference-participant", "p") == [("call-session", "s"), ("conference", "c")]
    at_home, visited = row(store, "call-session", "s"), row(store, "conference", "c")
    assert at_home.totals == visited.totals == visited.elsewhere == {"USD": 2 * UNIT}
    assert (at_home.elsewhere, at_home.elsewhere_count, visited.elsewhere_count) == ({}, 0, 1)


def test_a_record_worked_in_before_its_turn_comes_into_all_its_sessions(store: Store) -> None:
    def participant(id: str, conference: str, session: str) -> Record:
        fields = {"conference_id": conference, "call_session_id": session}
        return record(store, "conference-participant", id, cost="1", **fields)

    add(store, *[record(store, "conference", id) for id in ("c", "far")])
    refresh(store)
    add(store, participant("p0", "c", "s0"), participant("p1", "c", "s1"), participant("p2", "far", "s1"))
    while store.sessions.refresh(1):
        pass
    found = [row(store, "conference", "far"), row(store, "conference", "c"), row(store, "call-session", "s1")]
    assert [session.event_count for session in found] == [2, 3, 3]


def test_notes_of_few_records_come_before_those_of_many(store: Store) -> None:
    many = 5 * SMALL_ROWS
    add(store, *[record(store, "recording", f"r{at}", telnyx_session_id=f"s{at}") for at in range(many)])
    add(store, record(store, "recording", "r", telnyx_session_id="small"))
    for _ in range(2):  # every other time the oldest come
        store.sessions.refresh(SMALL_ROWS)
    assert store.sessions.waiting() >= many - 2 * SMALL_ROWS
    assert row(store, "call-session", "small").event_count == 2
    refresh(store)
    assert row(store, "call-session", f"s{many - 1}").event_count == 2


def test_all_can_be_settled_at_once(store: Store) -> None:
    for account in (ACCOUNT, "other"):
        add(store, *[record(store, "recording", f"r{at}", telnyx_session_id="s") for at in range(9)], account=account)
    store.sessions.settle()
    assert store.sessions.waiting() == 0
    assert [row(store, "call-session", "s", account).event_count for account in (ACCOUNT, "other")] == [10, 10]
    store.sessions.settle()


def test_a_record_sent_for_a_virtual_event_counts_in_its_session(store: Store) -> None:
    add(store, record(store, "recording", "r", telnyx_session_id="s", cost="1"))
    refresh(store)
    add(store, record(store, "call-session", "s", started_at="2026-03-17T10:00:00Z"))
    refresh(store)
    found = row(store, "call-session", "s")
    assert (found.event_count, found.start) == (2, datetime(2026, 3, 17, 10, 0, tzinfo=UTC))
    assert of(store, "call-session", "s") == [("call-session", "s")]


def test_the_revision_counts_changes_of_the_numbers_alone(store: Store) -> None:
    def found() -> tuple[int, datetime]:
        refresh(store)
        session = row(store, "recording", "r")
        return session.revision, session.changed

    for at, fields in enumerate([{"cost": "1"}, {"cost": "2"}, {"cost": "2", "note": "again"}, {"cost": "2.0"}]):
        add(store, record(store, "recording", "r", **fields), received=later(at))
        assert found() == ((1, 2, 2, 2)[at], later(at))


def test_each_account_has_its_own_sessions(store: Store) -> None:
    for account, cost in ((ACCOUNT, "1"), ("other", "2")):
        add(store, record(store, "recording", "r", telnyx_session_id="s", cost=cost), account=account)
    refresh(store)
    assert row(store, "call-session", "s").totals == {"USD": UNIT}
    assert row(store, "call-session", "s", "other").totals == {"USD": 2 * UNIT}
    assert store.sessions.find("nobody", "call-session", "s") is None
    assert store.sessions.of_record("nobody", "recording", "r") == []


def test_what_one_process_left_another_refreshes(opening: Opening) -> None:
    one, other = opening(), opening()
    add(one, *[record(one, "recording", f"r{at}", telnyx_session_id="s", cost="1") for at in range(4)])
    assert one.sessions.refresh(2) == other.sessions.waiting() == 2
    add(other, record(other, "recording", "r3", telnyx_session_id="s", cost="5"))
    refresh(one)
    assert other.sessions.waiting() == 0
    assert row(other, "call-session", "s").totals == {"USD": 8 * UNIT}


def test_rows_follow_a_changed_catalogue(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "recording", "r", telnyx_session_id="s", cost="1"))
    refresh(store)
    store = opening(without_parents(shipped(), "recording"))
    assert store.stale() == ["recording"]
    list(store.reread())
    refresh(store)
    assert of(store, "recording", "r") == [("recording", "r")]
    assert store.sessions.find(ACCOUNT, "call-session", "s") is None


def test_rows_follow_a_product_with_another_name(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "recording", "r", telnyx_session_id="s", cost="1"))
    refresh(store)
    for name, expected in (("recording", ["tape", "siptrunking-cdrs"]), ("call-session", ["recording-cdrs", "tape"])):
        store = opening(changed(shipped(), name, product="tape"))
        list(store.reread())
        refresh(store)
        assert [product for product, *_ in row(store, "call-session", "s").products] == expected


def test_records_of_a_type_that_is_gone_are_in_no_session_until_it_is_back(opening: Opening) -> None:
    store = opening()
    add(store, *[record(store, name, "x", telnyx_session_id="s", cost="1") for name in ("recording", "sip-trunking")])
    refresh(store)
    for catalog, totals in ((lacking(shipped(), "recording"), UNIT), (shipped(), 2 * UNIT)):
        store = opening(catalog)
        list(store.reread())
        refresh(store)
        assert row(store, "call-session", "s").totals == {"USD": totals}
    assert of(store, "recording", "x") == [("call-session", "s")]
