"""Session trees, rule by rule, on sessions small enough to check by eye; and very wide, deep and large ones.

Records are written one a line: type, id, then fields; `null` is no text, a time of day one on 17 March 2026. A tree is
written as indented text: type, id (a star: shown away from its home), cumulative cost by currency.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from textwrap import dedent

import msgspec
import pytest

from operator_types import write_operator_types
from sessiontree import money
from sessiontree.analysis import Analysis
from sessiontree.catalog import Catalog
from sessiontree.catalog_files import load
from sessiontree.errors import EventNotFound, TreeTooLarge
from sessiontree.placement import Node
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.text import exact
from sessiontree.tree import Tree

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)
TIMES = "_at"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("types")
    write_operator_types(folder)
    return load(folder)


@pytest.fixture
def store(where: str, catalog: Catalog) -> Iterator[Store]:
    store = open_store(where, catalog)
    yield store
    store.close()


Asked = Callable[..., Tree]


@pytest.fixture
def told(store: Store) -> Callable[[str], Asked]:
    """Adds the records of a text, in any order; gives what answers with the tree of an event."""

    def tell(lines: str) -> Asked:
        records = [as_record(store.catalog, line) for line in lines.strip().splitlines()]
        random.Random(len(lines)).shuffle(records)
        add(store, records)
        return lambda record_type, id, **options: asked(store, record_type, id, **options)

    return tell


def as_record(catalog: Catalog, line: str) -> dict[str, object]:
    record_type, id, *fields = line.split()
    named = dict(field.split("=") for field in fields)
    values = {name: _value(name, value) for name, value in named.items()}
    return {"record_type": record_type, catalog.types[record_type].id_field: id, **values}


def _value(name: str, value: str) -> object:
    if value == "null":
        return None
    return f"2026-03-17T{value}Z" if name.endswith(TIMES) else value


def add(store: Store, records: Sequence[dict[str, object]]) -> None:
    reader = Reader(store.catalog)
    store.add("default", [reader.read(msgspec.json.encode(record)) for record in records], RECEIVED)


def asked(store: Store, record_type: str, id: str, **options: int) -> Tree:
    return Analysis(store, **options).tree("default", store.catalog.resolve(record_type), id)


def drawn(tree: Tree) -> str:
    lines = []
    waiting = [(tree.root, 0)]
    while waiting:
        node, depth = waiting.pop()
        star = "*" if node is not tree.root and node.link is not node.home else ""
        amounts = ", ".join(f"{exact(node.totals[code])} {code}" for code in sorted(node.totals)) or "nothing"
        lines.append(f"{'  ' * depth}{node.name} {node.id}{star} {amounts}")
        waiting += [(child, depth + 1) for child in reversed(node.children)]
    return "\n".join(lines)


def text(lines: str) -> str:
    return dedent(lines).strip()


def problems(tree: Tree) -> list[str]:
    return [f"{each.code} {each.record_type} {each.id}" for each in tree.problems]


def ancestors(tree: Tree) -> list[str]:
    return [f"{link.parent.name} {link.parent.id} by {link.via.local_field}" for link in tree.ancestors]


# Expected children


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("conversation_id=talk completed_at=10:02:32 billed_sec=180", ["missing_children ai-voice-assistant ai"]),
        ("conversation_id=talk completed_at=10:02:32 billed_sec=0.000001", ["missing_children ai-voice-assistant ai"]),
        ("conversation_id=talk completed_at=10:02:32 billed_sec=0", []),
        ("conversation_id=talk completed_at=10:02:32 billed_sec=-60", []),
        ("conversation_id=talk completed_at=10:02:32 billed_sec=many", []),
        ("conversation_id=talk completed_at=10:02:32", []),
        ("conversation_id=talk billed_sec=180", []),
    ],
)
def test_a_finished_and_billed_assistant_without_a_single_turn(told, fields, found):
    tree = told(f"""
        call-control leg telnyx_leg_id=L telnyx_session_id=call
        ai-voice-assistant ai telnyx_leg_id=L {fields}
        inference other conversation_id=another
    """)
    for event in [("call-session", "call"), ("call-control", "leg"), ("ai-voice-assistant", "ai")]:
        assert problems(tree(*event)) == found
    told("inference turn conversation_id=talk")
    assert problems(tree("call-session", "call")) == []


def test_an_expected_child_counts_wherever_it_stands(told):
    """The plan is at home in a conference: it belongs to the task's session as well, and both trees agree."""
    tree = told("""
        task t session_id=call started_at=10:00:00 finished_at=10:05:00 cost=1
        task alone session_id=call started_at=10:00:00 finished_at=10:05:00 cost=1
        plan p conference_id=conf task_id=t
        conference conf
    """)
    assert problems(tree("call-session", "call")) == ["missing_children task alone"]
    assert problems(tree("task", "t")) == []
    assert drawn(tree("task", "t")).splitlines()[1] == "  plan p* nothing"


# Which parent a record gets


def test_a_call_with_everything_in_its_place(told):
    tree = told("""
        recording rec telnyx_session_id=call started_at=10:00:00 finished_at=10:02:33 cost=0.0051
        webrtc web telnyx_session_id=call started_at=10:00:00 finished_at=10:02:32 cost=0.0052
        call-control leg telnyx_session_id=call telnyx_leg_id=L started_at=10:00:00 finished_at=10:02:32 cost=0.0052
        ai-voice-assistant ai telnyx_session_id=call telnyx_leg_id=L conversation_id=talk created_at=10:00:00 cost=0.18
        inference late conversation_id=talk created_at=10:00:35 cost=0.0015
        inference early conversation_id=talk created_at=10:00:10 cost=1E-3
        inference never conversation_id=talk cost=0
    """)
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 0.1980 USD
          call-control leg 0.1877 USD
            ai-voice-assistant ai 0.1825 USD
              inference early 0.0010 USD
              inference late 0.0015 USD
              inference never 0.0000 USD
          recording rec 0.0051 USD
          webrtc web 0.0052 USD
    """)
    assert problems(tree("call-session", "call")) == []
    assert drawn(tree("ai-voice-assistant", "talk")) == text("""
        ai-voice-assistant ai 0.1825 USD
          inference early 0.0010 USD
          inference late 0.0015 USD
          inference never 0.0000 USD
    """)
    assert ancestors(tree("inference", "late")) == [
        "ai-voice-assistant ai by conversation_id",
        "call-control leg by telnyx_leg_id",
        "call-session call by telnyx_session_id",
    ]


@pytest.mark.parametrize(
    ("links", "parent", "by", "found"),
    [
        ("telnyx_leg_id=L telnyx_session_id=call", "leg1", "telnyx_leg_id", []),
        ("telnyx_leg_id=M telnyx_session_id=call", "leg2", "telnyx_leg_id", []),
        ("telnyx_leg_id=M telnyx_session_id=other", "leg2", "telnyx_leg_id", []),
        (
            "telnyx_leg_id=nobody telnyx_session_id=call",
            "leg1",
            "telnyx_session_id",
            ["several_parents", "fallback_link"],
        ),
        ("telnyx_leg_id=null telnyx_session_id=call", "leg1", "telnyx_session_id", ["several_parents"]),
        ("telnyx_leg_id= telnyx_session_id=call", "leg1", "telnyx_session_id", ["several_parents"]),
        ("telnyx_leg_id=nobody telnyx_session_id=other", "leg3", "telnyx_session_id", ["fallback_link"]),
        ("telnyx_session_id=other", "leg3", "telnyx_session_id", []),
    ],
)
def test_the_first_field_pair_that_finds_a_parent_decides(told, links, parent, by, found):
    tree = told(f"""
        call-control leg1 telnyx_session_id=call telnyx_leg_id=L started_at=10:00:00
        call-control leg2 telnyx_session_id=call telnyx_leg_id=M started_at=10:00:01
        call-control leg3 telnyx_session_id=other telnyx_leg_id=N
        ai-voice-assistant ai {links} cost=1
    """)
    answer = tree("ai-voice-assistant", "ai")
    assert ancestors(answer)[0] == f"call-control {parent} by {by}"
    assert problems(answer) == [f"{code} ai-voice-assistant ai" for code in found]
    assert [node.id for node in tree("call-control", parent).nodes] == [parent, "ai"]


@pytest.mark.parametrize(
    ("legs", "parent"),
    [
        (("b started_at=10:00:02", "a started_at=10:00:03"), "b"),
        (("b started_at=10:00:02", "a started_at=10:00:02"), "a"),
        (("b started_at=10:00:02", "a"), "b"),
        (("b", "a"), "a"),
        (("a", "B"), "B"),
        (("10", "9"), "10"),
        (("é", "z"), "z"),
    ],
)
def test_of_several_parents_the_earliest_then_the_lowest_id(told, legs, parent):
    tree = told(
        "\n".join(f"call-control {leg} telnyx_session_id=call telnyx_leg_id=L" for leg in legs)
        + "\nai-voice-assistant ai telnyx_leg_id=L"
    )
    assert ancestors(tree("ai-voice-assistant", "ai"))[0] == f"call-control {parent} by telnyx_leg_id"
    assert problems(tree("call-session", "call")) == ["several_parents ai-voice-assistant ai"]


def test_missing_values_link_nothing(told):
    tree = told("""
        ai-voice-assistant ai conversation_id=null cost=1
        inference a conversation_id=null cost=2
        inference b conversation_id= cost=4
        inference c cost=8
    """)
    assert drawn(tree("ai-voice-assistant", "ai")) == "ai-voice-assistant ai 1.0000 USD"
    for id in "abc":
        assert problems(tree("inference", id)) == [f"unlinked inference {id}"]
    assert problems(told("conference alone")("conference", "alone")) == []


def test_a_record_moves_when_its_parent_arrives(told):
    tree = told("inference turn conversation_id=talk cost=1")
    assert problems(tree("inference", "turn")) == ["unlinked inference turn"]
    told("ai-voice-assistant ai conversation_id=talk telnyx_session_id=call")
    assert problems(tree("inference", "turn")) == []
    assert drawn(tree("ai-voice-assistant", "ai")) == text("""
        ai-voice-assistant ai 1.0000 USD
          inference turn 1.0000 USD
    """)
    told("call-control leg telnyx_session_id=call telnyx_leg_id=L cost=2")
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 3.0000 USD
          call-control leg 3.0000 USD
            ai-voice-assistant ai 1.0000 USD
              inference turn 1.0000 USD
    """)


def test_a_record_without_its_leg_moves_when_the_leg_arrives(told):
    tree = told("""
        call-control first telnyx_session_id=call telnyx_leg_id=K started_at=10:00:00
        ai-voice-assistant ai telnyx_session_id=call telnyx_leg_id=L
    """)
    assert ancestors(tree("ai-voice-assistant", "ai"))[0] == "call-control first by telnyx_session_id"
    told("call-control second telnyx_session_id=call telnyx_leg_id=L")
    assert ancestors(tree("ai-voice-assistant", "ai"))[0] == "call-control second by telnyx_leg_id"
    assert [node.id for node in tree("call-control", "first").nodes] == ["first"]


def test_a_participant_is_at_home_in_its_call_and_shown_in_the_conference(told):
    tree = told("""
        conference conf started_at=10:00:00
        conference-participant p1 conference_id=conf call_session_id=call1 joined_at=10:00:01 cost=1
        conference-participant p2 conference_id=conf call_session_id=call2 joined_at=10:00:02 cost=2
        conference-participant p3 conference_id=conf joined_at=10:00:03 cost=4
        conference-participant p4 call_session_id=call2 conference_id=nobody joined_at=10:00:04 cost=8
        recording rec telnyx_session_id=call1 cost=16
    """)
    conference = tree("conference", "conf")
    assert drawn(conference) == text("""
        conference conf 7.0000 USD
          conference-participant p1* 1.0000 USD
          conference-participant p2* 2.0000 USD
          conference-participant p3 4.0000 USD
    """)
    assert (conference.root.away_totals, conference.root.away_count) == ({"USD": 3 * money.UNIT}, 2)
    call = tree("call-session", "call1")
    assert drawn(call) == text("""
        call-session call1 17.0000 USD
          conference-participant p1 1.0000 USD
          recording rec 16.0000 USD
    """)
    assert (call.root.away_totals, call.root.away_count) == ({}, 0)
    assert ancestors(tree("conference-participant", "p1")) == ["call-session call1 by call_session_id"]
    assert ancestors(tree("conference-participant", "p3")) == ["conference conf by conference_id"]


def test_below_an_event_that_is_away_all_is_away(told):
    tree = told("""
        task t session_id=call case_id=k cost=1
        plan p task_id=t cost=2
    """)
    case = tree("case", "k")
    assert drawn(case) == text("""
        case k 3.0000 USD
          task t* 3.0000 USD
            plan p 2.0000 USD
    """)
    assert (case.root.away_totals, case.root.away_count) == ({"USD": 3 * money.UNIT}, 2)
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 3.0000 USD
          task t 3.0000 USD
            plan p 2.0000 USD
    """)


def test_events_in_a_ring_through_later_links_stand_once(told):
    """Task and plan are at home elsewhere; in the case's tree each would stand under the other."""
    tree = told("""
        task t session_id=call plan_id=p case_id=k cost=1
        plan p conference_id=conf task_id=t cost=2
        conference conf
    """)
    assert drawn(tree("case", "k")) == text("""
        case k 3.0000 USD
          task t* 3.0000 USD
            plan p* 2.0000 USD
    """)
    assert drawn(tree("conference", "conf")) == text("""
        conference conf 3.0000 USD
          plan p 3.0000 USD
            task t* 1.0000 USD
    """)
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 3.0000 USD
          task t 3.0000 USD
            plan p* 2.0000 USD
    """)


# Virtual events


def test_a_virtual_event_is_there_while_something_names_it(told):
    tree = told("recording rec telnyx_session_id=call started_at=10:00:00 finished_at=10:00:09")
    root = tree("call-session", "call").root
    assert (root.record, str(root.start.time()), str(root.finish.time())) == (None, "10:00:00", "10:00:09")
    for record_type, id in [
        ("call-session", "other"),
        ("call-session", "rec"),
        ("recording", "call"),
        ("case", "call"),
    ]:
        with pytest.raises(EventNotFound, match=f"no {record_type} event with the id {id} was found"):
            tree(record_type, id)
    told("recording rec telnyx_session_id=other")
    with pytest.raises(EventNotFound):
        tree("call-session", "call")


def test_a_virtual_event_that_only_a_later_pair_names_is_not_there(told):
    tree = told("call-control leg telnyx_session_id=call call_session_id=other")
    assert len(tree("call-session", "call").nodes) == 2
    with pytest.raises(EventNotFound):
        tree("call-session", "other")


def test_a_virtual_event_named_only_by_what_gives_way_in_a_circle_is_not_there(told):
    tree = told("""
        span s1 parent_span_id=s2 session_id=call started_at=10:00:00 cost=1
        span s2 parent_span_id=s1 started_at=10:00:01 cost=2
    """)
    assert drawn(tree("span", "s1")) == text("""
        span s1 3.0000 USD
          span s2 2.0000 USD
    """)
    with pytest.raises(EventNotFound):
        tree("call-session", "call")
    told("recording rec telnyx_session_id=call cost=4")
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 4.0000 USD
          recording rec 4.0000 USD
    """)


def test_the_record_of_a_virtual_event_is_used_and_filled_up(told):
    tree = told("""
        call-session call started_at=09:59:00
        recording rec telnyx_session_id=call started_at=10:00:00 finished_at=10:00:09
    """)
    root = tree("call-session", "call").root
    assert (str(root.start.time()), str(root.finish.time())) == ("09:59:00", "10:00:09")
    assert root.record is not None
    assert drawn(told("call-session alone")("call-session", "alone")) == "call-session alone nothing"


def test_the_times_of_virtual_events_in_virtual_events(told):
    """Each has those of all below it, and stands among its siblings by its start."""
    tree = told("""
        case k1 session_id=call
        case k2 session_id=call
        task late session_id=null case_id=k1 started_at=12:00:00 finished_at=12:30:00
        task early session_id=null case_id=k2 started_at=09:00:00 finished_at=09:30:00
        recording rec telnyx_session_id=call started_at=10:00:00 finished_at=13:00:00
    """)
    answer = tree("call-session", "call")
    times = {node.id: f"{node.start:%H:%M}-{node.finish:%H:%M}" for node in answer.nodes}
    assert times == {
        "call": "09:00-13:00",
        "k1": "12:00-12:30",
        "k2": "09:00-09:30",
        "late": "12:00-12:30",
        "early": "09:00-09:30",
        "rec": "10:00-13:00",
    }
    assert [child.id for child in answer.root.children] == ["k2", "rec", "k1"]


# Circles


@pytest.mark.parametrize("first", ["q", "a"])
def test_a_circle_is_opened_at_its_earliest_member(told, first):
    times = {"q": "10:00:01", "a": "10:00:01", first: "10:00:00"}
    tree = told(f"""
        question q answer_id=a created_at={times["q"]} cost=1
        answer a question_id=q created_at={times["a"]} cost=2
        question after answer_id=a created_at=11:00:00 cost=4
    """)
    drawings = {
        "q": """
            question q 7.0000 USD
              answer a 6.0000 USD
                question after 4.0000 USD
        """,
        "a": """
            answer a 7.0000 USD
              question q 1.0000 USD
              question after 4.0000 USD
        """,
    }
    top = ("question", "q") if first == "q" else ("answer", "a")
    assert drawn(tree(*top)) == text(drawings[first])
    assert problems(tree(*top)) == [f"circle {top[0]} {first}"]
    for record_type, id in [("question", "q"), ("answer", "a"), ("question", "after")]:
        links = tree(record_type, id).ancestors
        assert (links[-1].parent.identity if links else (record_type, id)) == top


def test_without_times_a_circle_is_opened_at_the_lowest_type_and_id(told):
    tree = told("""
        span c parent_span_id=b cost=1
        span b parent_span_id=a cost=2
        span a parent_span_id=c cost=4
    """)
    assert drawn(tree("span", "a")) == text("""
        span a 7.0000 USD
          span b 3.0000 USD
            span c 1.0000 USD
    """)
    assert problems(tree("span", "b")) == []
    assert problems(tree("span", "a")) == ["circle span a"]


def test_nothing_is_its_own_parent(told):
    tree = told("span a parent_span_id=a session_id=call cost=1")
    assert drawn(tree("call-session", "call")) == text("""
        call-session call 1.0000 USD
          span a 1.0000 USD
    """)
    assert drawn(tree("span", "a")) == "span a 1.0000 USD"


# Adding up


def test_currencies_are_never_added_together(told):
    tree = told("""
        call-control leg telnyx_session_id=call telnyx_leg_id=L cost=1 currency=eur
        ai-voice-assistant ai telnyx_leg_id=L conversation_id=talk cost=2 currency=USD
        inference a conversation_id=talk cost=0.5 currency=GBP
        inference b conversation_id=talk cost=-0.25 currency=EUR
    """)
    answer = tree("call-session", "call")
    assert drawn(answer) == text("""
        call-session call 0.7500 EUR, 0.5000 GBP, 2.0000 USD
          call-control leg 0.7500 EUR, 0.5000 GBP, 2.0000 USD
            ai-voice-assistant ai -0.2500 EUR, 0.5000 GBP, 2.0000 USD
              inference a 0.5000 GBP
              inference b -0.2500 EUR
    """)
    assert [node.currency for node in answer.nodes] == ["EUR", "EUR", "USD", "GBP", "EUR"]


@pytest.mark.parametrize(
    ("priced", "currency"),
    [
        ("cost=1 cost=1,currency=EUR cost=9,currency=EUR", "EUR"),
        ("cost=1 cost=99,currency=EUR", "EUR"),
        ("cost=1 cost=99,currency=ZAR", "USD"),
        ("cost=0,currency=GBP", "GBP"),
        ("currency=EUR currency=EUR cost=1", "USD"),
        ("currency=EUR", "USD"),
    ],
)
def test_a_container_has_the_currency_of_most_priced_events(told, priced, currency):
    records = [f"recording r{at} telnyx_session_id=call {each}" for at, each in enumerate(priced.split())]
    answer = told("\n".join(records).replace(",", " "))("call-session", "call")
    assert answer.root.currency == currency


def test_unpriced_is_not_zero(told):
    answer = told("""
        recording none telnyx_session_id=call
        recording null telnyx_session_id=call cost=null
        recording zero telnyx_session_id=call cost=0
        webrtc web telnyx_session_id=call cost=1
    """)("call-session", "call")
    assert (answer.root.unpriced_count, answer.root.event_count) == (2, 5)
    assert answer.root.totals == {"USD": money.UNIT}
    assert {node.id: node.totals for node in answer.root.children} == {
        "none": {},
        "null": {},
        "zero": {"USD": 0},
        "web": {"USD": money.UNIT},
    }


def test_costs_by_product(told):
    answer = told("""
        recording a telnyx_session_id=call cost=1
        recording b telnyx_session_id=call cost=2 currency=EUR
        recording c telnyx_session_id=call cost=3
        recording d telnyx_session_id=call
        webrtc e telnyx_session_id=call cost=9
    """)("call-session", "call")
    named = {node.name: node.plan.declared.product for node in answer.nodes}
    assert answer.by_product() == [
        (named["webrtc"], "USD", 9 * money.UNIT, 1),
        (named["recording"], "USD", 4 * money.UNIT, 3),
        (named["recording"], "EUR", 2 * money.UNIT, 1),
        (named["call-session"], "USD", 0, 1),
    ]


def test_problems_come_in_one_order(told):
    tree = told("""
        call-control leg1 telnyx_session_id=call telnyx_leg_id=L started_at=10:00:00
        call-control leg2 telnyx_session_id=call telnyx_leg_id=L started_at=10:00:01
        ai-voice-assistant b telnyx_leg_id=L created_at=10:00:00
        ai-voice-assistant a telnyx_leg_id=nobody telnyx_session_id=call created_at=10:00:05
        ai-voice-assistant c telnyx_leg_id=L
    """)
    for _ in range(3):
        assert problems(tree("call-session", "call")) == [
            "several_parents ai-voice-assistant b",
            "several_parents ai-voice-assistant a",
            "fallback_link ai-voice-assistant a",
            "several_parents ai-voice-assistant c",
        ]


# Times


def test_open_while_something_that_should_finish_has_not(told):
    tree = told("""
        recording done telnyx_session_id=call started_at=10:00:00 finished_at=10:01:00
        webrtc open telnyx_session_id=call started_at=10:00:30
        ai-messaging-assistant never created_at=10:00:00
    """)
    answer = tree("call-session", "call")
    started = datetime(2026, 3, 17, 10, 0, 30, tzinfo=UTC)
    assert answer.is_open(started + timedelta(hours=23, minutes=59))
    assert not answer.is_open(started + timedelta(hours=24))
    assert not tree("recording", "done").is_open(started)
    assert not tree("ai-messaging-assistant", "never").is_open(started)


@pytest.mark.parametrize(
    ("records", "created", "completed"),
    [
        ("recording a telnyx_session_id=call started_at=10:00:00 finished_at=10:01:00", "17 10:00:00", "17 10:01:00"),
        ("recording a telnyx_session_id=call started_at=10:00:00", "17 10:00:00", "17 10:00:00"),
        ("recording a telnyx_session_id=call finished_at=10:01:00", "20 00:00:00", "17 10:01:00"),
        ("recording a telnyx_session_id=call", "20 00:00:00", "20 00:00:00"),
    ],
)
def test_when_a_session_began_and_ended(told, records, created, completed):
    answer = told(records)("call-session", "call")
    assert (f"{answer.created_at():%d %H:%M:%S}", f"{answer.completed_at():%d %H:%M:%S}") == (created, completed)


def test_a_session_whose_top_has_no_times_has_those_below_it(told):
    answer = told("""
        conference conf
        conference-participant p1 conference_id=conf joined_at=10:00:05 left_at=10:01:00
        conference-participant p2 conference_id=conf joined_at=10:00:00
    """)("conference", "conf")
    assert (f"{answer.created_at():%d %H:%M:%S}", f"{answer.completed_at():%d %H:%M:%S}") == (
        "17 10:00:00",
        "17 10:01:00",
    )
    assert answer.root.start is None


# Large ones


def numbered(record_type: str, count: int, **fields: str) -> list[dict[str, object]]:
    """Records 0 to count - 1; `{n}` in a field is the number, `{up}` the one before, `{half}` half of it."""
    made = []
    for n in range(count):
        values = {"n": n, "up": n - 1, "half": (n - 1) // 2}
        made.append({"record_type": record_type, "id": str(n), **{k: v.format(**values) for k, v in fields.items()}})
    return made


def check_size(tree: Tree, count: int, amount: int) -> None:
    assert (len(tree.nodes), tree.root.event_count, len({node.identity for node in tree.nodes})) == (count,) * 3
    assert tree.root.totals == {"USD": amount}


@pytest.mark.parametrize("limit", [5, 11])
def test_the_limit_counts_events_exactly(told, store, limit):
    told("\n".join(f"recording r{n} telnyx_session_id=call cost=1" for n in range(limit - 1)))
    assert asked(store, "call-session", "call", events_max=limit).root.event_count == limit
    with pytest.raises(TreeTooLarge, match=f"more than {limit - 1} events"):
        asked(store, "call-session", "call", events_max=limit - 1)
    assert asked(store, "recording", "r0", events_max=1).root.event_count == 1


def test_the_limit_holds_for_a_chain(store):
    add(store, numbered("span", 20, parent_span_id="{up}", cost="1"))
    assert asked(store, "span", "0", events_max=20).root.event_count == 20
    with pytest.raises(TreeTooLarge):
        asked(store, "span", "0", events_max=19)


def test_five_thousand_children(store):
    add(store, numbered("recording", 5000, telnyx_session_id="call", cost="0.{n:05}"))
    tree = asked(store, "call-session", "call")
    check_size(tree, 5001, sum(range(5000)) * money.UNIT // 100_000)
    assert [child.id for child in tree.root.children] == sorted(str(n) for n in range(5000))


def test_ten_thousand_events(store):
    """A binary tree of spans under one call."""
    records = numbered("span", 9999, parent_span_id="{half}", cost="0.0001")
    records[0] = {**records[0], "parent_span_id": None, "session_id": "call"}
    add(store, records)
    check_size(asked(store, "call-session", "call"), 10_000, 9999 * money.UNIT // 10_000)
    left = count_below(1, 9999)
    check_size(asked(store, "span", "1"), left, left * money.UNIT // 10_000)


def count_below(top: int, count: int) -> int:
    """How many of the numbers of `numbered` are at or below one, by halves."""
    inside = {top}
    for n in range(top + 1, count):
        if (n - 1) // 2 in inside:
            inside.add(n)
    return len(inside)


@pytest.mark.parametrize("depth", [40, 2000])
def test_a_deep_chain(store, depth):
    add(store, numbered("span", depth, parent_span_id="{up}", session_id="call{n}", cost="1"))
    top = asked(store, "call-session", "call0")
    check_size(top, depth + 1, depth * money.UNIT)
    node: Node = top.root
    below = 0
    while node.children:
        (node,) = node.children
        below += 1
        assert node.totals == {"USD": (depth - below + 1) * money.UNIT}
    assert (node.id, below) == (str(depth - 1), depth)
    last = asked(store, "span", str(depth - 1))
    assert [link.parent.id for link in last.ancestors] == [*(str(n) for n in reversed(range(depth - 1))), "call0"]
    middle = asked(store, "span", str(depth // 2))
    check_size(middle, depth - depth // 2, (depth - depth // 2) * money.UNIT)


def test_a_large_circle(store):
    records = numbered("span", 500, parent_span_id="{up}", cost="1")
    records[0]["parent_span_id"] = "499"
    add(store, records)
    for id in ("0", "250", "499"):
        tree = asked(store, "span", id)
        top = tree.ancestors[-1].parent.id if tree.ancestors else id
        assert (top, tree.root.event_count) == ("0", 500 - int(id))
    check_size(asked(store, "span", "0"), 500, 500 * money.UNIT)
