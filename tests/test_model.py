"""The naive model itself, on sessions small enough to check by eye, and the messy data it is used with.

Records are written one a line: type, id, then fields. A tree is written as indented text: type, id (a star: shown away
from its home), cumulative cost per currency.
"""

import json
import random
from decimal import Decimal, localcontext
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messy import generate, identity, ndjson, orders, records
from model import EXACT, Key, Model, flatten
from model_tree import drawn
from operator_types import OPERATOR_TYPES, write_operator_types
from sessiontree import catalog_files


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("types")
    write_operator_types(folder)
    return catalog_files.load(folder)


@pytest.fixture
def told(catalog):
    """Makes a model that was told these records. `null` is no text; a time of day is one on 17 March 2026."""

    def tell(lines):
        model = Model(catalog)
        for kind, event_id, *fields in map(str.split, lines.strip().splitlines()):
            named = dict(field.split("=") for field in fields)
            record = {"record_type": kind, catalog.types[kind].id_field: event_id}
            record |= {name: read(name, value) for name, value in named.items()}
            assert model.add(record) in ("created", "updated", "unchanged")
        return model

    return tell


def read(name, value):
    if value == "null":
        return None
    return f"2026-03-17T{value}Z" if name.endswith("_at") else value


def text(lines):
    return dedent(lines).strip()


# Sessions

GUIDE_CALL = """
    recording rec telnyx_session_id=call started_at=10:00:00 finished_at=10:02:33 cost=0.0051
    webrtc web telnyx_session_id=call started_at=10:00:00 finished_at=10:02:32 cost=0.0052
    sip-trunking sip telnyx_session_id=call started_at=10:00:00 finished_at=10:02:32 cost=0.0052
    call-control leg telnyx_session_id=call telnyx_leg_id=L started_at=10:00:00 finished_at=10:02:32 cost=0.0052
    ai-voice-assistant ai telnyx_session_id=call telnyx_leg_id=L conversation_id=talk created_at=10:00:00 cost=0.18
    inference turn-1 conversation_id=talk created_at=10:00:10 cost=0.0010
    inference turn-2 conversation_id=talk created_at=10:00:35 cost=0.0015
    inference turn-3 conversation_id=talk created_at=10:01:00 cost=0.0029
    inference turn-4 conversation_id=talk created_at=10:01:25 cost=0.0033
    inference turn-5 conversation_id=talk created_at=10:01:50 cost=0.0034
"""


def test_the_guides_call(told):
    model = told(GUIDE_CALL)
    tree = model.tree("call-session", "call")
    assert drawn(tree) == text("""
        call-session call 0.2128 USD
          call-control leg 0.1973 USD
            ai-voice-assistant ai 0.1921 USD
              inference turn-1 0.0010 USD
              inference turn-2 0.0015 USD
              inference turn-3 0.0029 USD
              inference turn-4 0.0033 USD
              inference turn-5 0.0034 USD
          recording rec 0.0051 USD
          sip-trunking sip 0.0052 USD
          webrtc web 0.0052 USD
    """)
    root = tree.root
    assert (root.event_count, root.cost, root.status, root.currency) == (11, None, "none", "USD")
    assert f"{root.start} {root.finish}" == "2026-03-17 10:00:00+00:00 2026-03-17 10:02:33+00:00"
    assert (tree.ancestors, tree.problems) == ((), frozenset())
    assert model.sessions() == [("call-session", "call")]
    assert len(model.events()) == 11


def test_what_is_compared_of_a_node(told):
    flat = flatten(told(GUIDE_CALL).tree("call-control", "leg"))
    assert len(flat) == 7
    ai = flat["ai-voice-assistant", "ai"]
    assert ai.event_cost == 180_000_000_000
    assert ai.totals == (("USD", 192_100_000_000),)
    assert ai.relationship == ("telnyx_leg_id", "telnyx_leg_id", "call-control", "leg")
    assert ai.children == tuple(("inference", f"turn-{n}") for n in range(1, 6))
    assert flat["call-control", "leg"].relationship is None


def test_asked_from_the_middle(told):
    tree = told(GUIDE_CALL).tree("inference", "turn-3")
    assert drawn(tree) == "inference turn-3 0.0029 USD"
    assert tree.ancestors == (
        ("conversation_id", "conversation_id", ("ai-voice-assistant", "ai")),
        ("telnyx_leg_id", "telnyx_leg_id", ("call-control", "leg")),
        ("telnyx_session_id", "telnyx_session_id", ("call-session", "call")),
    )


def test_an_assistant_by_its_conversation(told):
    model = told("""
        ai-voice-assistant late conversation_id=talk created_at=10:01:00
        ai-voice-assistant early conversation_id=talk created_at=10:00:00
        ai-voice-assistant other conversation_id=late
    """)
    assert model.tree("ai-voice-assistant", "talk").root.key.id == "early"
    assert model.tree("ai-voice-assistant", "late").root.key.id == "late"
    assert model.tree("ai-voice-assistant", "nobody") is None


def test_two_legs_and_what_has_no_leg_of_its_own(told):
    tree = told("""
        call-control answered telnyx_session_id=call telnyx_leg_id=L1 started_at=10:01:00 cost=0.002
        call-control failed telnyx_session_id=call telnyx_leg_id=L2 started_at=10:00:00 cost=0.0
        text-to-speech by-leg call_leg_id=L1 call_session_id=call cost=1.421E-4
        amd no-leg call_leg_id=null call_session_id=call cost=0.004
        speech-to-text wrong-leg call_leg_id=L3 call_session_id=call
        inference insight conversation_id=null cost=0.0
    """).tree("call-session", "call")
    assert drawn(tree) == text("""
        call-session call 0.0061421 USD
          call-control failed 0.004 USD
            amd no-leg 0.004 USD
            speech-to-text wrong-leg
          call-control answered 0.0021421 USD
            text-to-speech by-leg 0.0001421 USD
    """)
    assert tree.problems == {
        ("several_parents", "amd", "no-leg"),
        ("several_parents", "speech-to-text", "wrong-leg"),
        ("fallback_link", "speech-to-text", "wrong-leg"),
    }
    assert (tree.root.unpriced_count, flatten(tree)["speech-to-text", "wrong-leg"].status) == (1, "unpriced")


def test_of_several_parents_the_earliest_then_the_lowest_id(told):
    tree = told("""
        inference turn conversation_id=talk cost=1
        ai-voice-assistant a conversation_id=talk
        ai-voice-assistant c conversation_id=talk created_at=10:00:00
        ai-voice-assistant b conversation_id=talk created_at=10:00:00
    """).tree("inference", "turn")
    assert tree.ancestors[0].parent.id == "b"


def test_a_parent_that_comes_late(told):
    turn, assistant = "inference turn conversation_id=talk", "ai-voice-assistant ai conversation_id=talk"
    before = told(turn)
    assert before.sessions() == [("inference", "turn")]
    assert before.tree("inference", "turn").problems == {("unlinked", "inference", "turn")}
    after = told(f"{turn}\n{assistant}")
    assert after.sessions() == [("ai-voice-assistant", "ai")]
    assert after.tree("inference", "turn").problems == frozenset()
    assert after.tree("ai-voice-assistant", "ai").problems == {("unlinked", "ai-voice-assistant", "ai")}


def test_a_record_that_changes_its_parent_leaves_no_virtual_event_behind(told):
    model = told("""
        recording rec telnyx_session_id=old
        recording rec telnyx_session_id=new
    """)
    assert model.tree("call-session", "old") is None
    assert model.events() == [("call-session", "new"), ("recording", "rec")]


def test_a_virtual_event_is_filled_in_only_with_what_its_record_does_not_say(told):
    model = told("""
        call-session call started_at=10:00:00
        recording late telnyx_session_id=call started_at=10:02:00 finished_at=10:04:00
        webrtc open telnyx_session_id=call started_at=10:05:00
        call-session alone
    """)
    root = model.tree("call-session", "call").root
    assert (root.start.minute, root.finish.minute) == (0, 4)
    alone = model.tree("call-session", "alone").root
    assert (alone.event_count, alone.start, alone.finish) == (1, None, None)


@pytest.mark.parametrize(
    ("started_at", "utc"),
    [
        ("2026-03-17T10:00:00Z", "2026-03-17 10:00:00+00:00"),
        ("2026-03-17T10:00:00", "2026-03-17 10:00:00+00:00"),
        ("2026-03-17T10:00:00.25+05:30", "2026-03-17 04:30:00.250000+00:00"),
        ("2026-03-17", "2026-03-17 00:00:00+00:00"),
        ("", "None"),
    ],
)
def test_times_are_compared_in_utc(catalog, started_at, utc):
    model = Model(catalog)
    model.add({"record_type": "recording", "id": "r", "started_at": started_at})
    assert str(model.tree("recording", "r").root.start) == utc


# Two homes

CONFERENCE = """
    conference conf started_at=10:00:00
    conference-participant ann conference_id=conf call_session_id=call-a joined_at=10:01:00 cost=0.004
    conference-participant bob conference_id=conf call_session_id=call-b joined_at=10:02:00 cost=0.002
    conference-participant cyd conference_id=conf call_session_id= joined_at=10:03:00 cost=0.001
    recording rec telnyx_session_id=call-a started_at=10:04:00 cost=0.5
"""


def test_a_conference_across_calls(told):
    model = told(CONFERENCE)
    tree = model.tree("conference", "conf")
    assert drawn(tree) == text("""
        conference conf 0.007 USD
          conference-participant ann* 0.004 USD
          conference-participant bob* 0.002 USD
          conference-participant cyd 0.001 USD
    """)
    assert (tree.root.elsewhere, tree.root.elsewhere_count) == ({"USD": Decimal("0.006")}, 2)
    assert tree.root.children[0].also_in == ("call-session", "call-a")
    assert tree.root.children[2].also_in is None
    call = model.tree("call-session", "call-a")
    assert drawn(call) == text("""
        call-session call-a 0.504 USD
          conference-participant ann 0.004 USD
          recording rec 0.5 USD
    """)
    assert (call.root.elsewhere, call.root.elsewhere_count) == ({}, 0)
    ann = model.tree("conference-participant", "ann")
    assert [link.parent for link in ann.ancestors] == [("call-session", "call-a")]


def test_what_hangs_below_a_node_away_from_home_is_elsewhere_too(told):
    tree = told("""
        task t session_id=call case_id=K cost=1
        plan p task_id=t cost=2
    """).tree("case", "K")
    assert drawn(tree) == text("""
        case K 3 USD
          task t* 3 USD
            plan p 2 USD
    """)
    assert (tree.root.elsewhere, tree.root.elsewhere_count) == ({"USD": Decimal(3)}, 2)
    assert tree.root.children[0].children[0].elsewhere_count == 1


# Own types


def test_spans_under_spans_and_never_under_themselves(told):
    tree = told("""
        span inner parent_span_id=outer session_id=call cost=1
        span outer parent_span_id=outer session_id=call cost=2
    """).tree("call-session", "call")
    assert drawn(tree) == text("""
        call-session call 3 USD
          span outer 3 USD
            span inner 1 USD
    """)
    assert tree.problems == frozenset()


@pytest.mark.parametrize(
    ("q1", "a1", "q2", "a2", "opened"),
    [
        ("10:02:00", "10:01:00", "10:03:00", "10:04:00", Key("answer", "a1")),
        ("null", "null", "10:03:00", "null", Key("question", "q2")),
        ("10:01:00", "null", "10:01:00", "10:01:00", Key("answer", "a2")),
        ("10:01:00", "null", "10:01:00", "null", Key("question", "q1")),
        ("null", "null", "null", "null", Key("answer", "a1")),
    ],
)
def test_a_circle_opens_at_its_earliest_then_lowest_type_then_lowest_id(told, q1, a1, q2, a2, opened):
    model = told(f"""
        question q1 answer_id=a1 created_at={q1} cost=1
        answer a1 question_id=q2 created_at={a1} cost=1
        question q2 answer_id=a2 created_at={q2} cost=1
        answer a2 question_id=q1 created_at={a2} cost=1
        question outside answer_id=a1 created_at=09:00:00 cost=10
    """)
    assert model.sessions() == [opened]
    tree = model.tree(*opened)
    assert tree.problems == {("circle", *opened)}
    assert (tree.root.event_count, tree.root.totals) == (5, {"USD": 14})
    for key in flatten(tree).keys() - {opened}:
        below = model.tree(*key)
        assert below.ancestors[-1].parent == opened
        assert below.problems == frozenset()


def test_a_circle_through_later_links_opens_where_it_can_be_attached(told):
    model = told("""
        task t session_id=call plan_id=p case_id=K cost=1
        plan p conference_id=conf task_id=t cost=2
        conference conf
    """)
    assert drawn(model.tree("case", "K")) == text("""
        case K 3 USD
          task t* 3 USD
            plan p* 2 USD
    """)
    assert drawn(model.tree("call-session", "call")) == text("""
        call-session call 3 USD
          task t 3 USD
            plan p* 2 USD
    """)
    assert drawn(model.tree("conference", "conf")) == text("""
        conference conf 3 USD
          plan p 3 USD
            task t* 1 USD
    """)


@pytest.mark.parametrize(("t1", "t2"), [("10:00:00", "10:01:00"), ("10:01:00", "10:00:00"), ("null", "10:00:00")])
def test_a_circle_through_later_links_opens_at_its_earliest(told, t1, t2):
    model = told(f"""
        task t1 session_id=call plan_id=p1 case_id=K started_at={t1}
        plan p1 conference_id=conf task_id=t2
        task t2 session_id=call plan_id=p2 case_id=K started_at={t2}
        plan p2 conference_id=conf task_id=t1
        conference conf
    """)
    first, second = ("2", "1") if t1 > t2 else ("1", "2")
    assert drawn(model.tree("case", "K")) == text(f"""
        case K
          task t{first}*
            plan p{second}*
              task t{second}*
                plan p{first}*
    """)


def test_what_gives_way_in_a_circle_gives_up_its_other_parents_too(told):
    model = told("""
        task t plan_id=p case_id=K started_at=10:00:00
        plan p task_id=t
    """)
    assert model.events() == [("plan", "p"), ("task", "t")]
    assert model.sessions() == [("task", "t")]
    assert model.tree("case", "K") is None


def test_the_second_and_third_way_to_a_parent(told):
    model = told("""
        call-control leg telnyx_leg_id=L telnyx_session_id=call
        score by-id control_id=leg leg_id=nowhere session_id=nowhere
        score by-leg control_id= leg_id=L session_id=nowhere
        score by-session control_id=nowhere leg_id=nowhere session_id=call
        score by-none control_id=nowhere leg_id=nowhere session_id=nowhere
    """)
    tree = model.tree("call-control", "leg")
    assert {node.key.id: node.relationship.local_field for node in tree.root.children} == {
        "by-id": "control_id",
        "by-leg": "leg_id",
        "by-session": "session_id",
    }
    assert tree.problems == {("fallback_link", "score", "by-session")}
    assert model.tree("score", "by-none").problems == {("unlinked", "score", "by-none")}


def test_links_and_ids_that_are_whole_numbers(catalog):
    model = Model(catalog)
    model.add({"record_type": "conference", "id": 7})
    model.add({"record_type": "conference-participant", "id": "p", "conference_id": "7", "cost": 2})
    model.add({"record_type": "recording", "id": 8, "telnyx_session_id": 7, "cost": Decimal("0.5")})
    assert drawn(model.tree("conference", "7")) == "conference 7 2 USD\n  conference-participant p 2 USD"
    assert drawn(model.tree("call-session", "7")) == "call-session 7 0.5 USD\n  recording 8 0.5 USD"


# Currencies


@pytest.mark.parametrize(
    ("costs", "currency", "totals"),
    [
        ("", "USD", {}),
        ("cost=1", "USD", {"USD": 1}),
        ("cost=1 currency=eur, cost=2 currency=EUR, cost=50 currency=USD", "EUR", {"EUR": 3, "USD": 50}),
        ("cost=1 currency=USD, cost=1 currency=GBP, cost=null currency=USD", "GBP", {"GBP": 1, "USD": 1}),
        ("cost=-1 currency=USD, cost=1 currency=", "USD", {"USD": 0}),
    ],
)
def test_a_containers_currency_is_that_of_most_of_its_priced_events(told, costs, currency, totals):
    priced = [f"recording r{n} telnyx_session_id=call {cost}" for n, cost in enumerate(costs.split(", ")) if cost]
    root = told("\n".join(["call-session call", *priced])).tree("call-session", "call").root
    assert (root.currency, root.totals) == (currency, totals)


def test_a_types_own_default_currency(told):
    assert told("score s cost=0.1").tree("score", "s").root.totals == {"EUR": Decimal("0.1")}


def test_sums_are_exact(told):
    tree = told("""
        recording a telnyx_session_id=call cost=999999999999.999999999999
        recording b telnyx_session_id=call cost=999999999999.999999999999
        recording c telnyx_session_id=call cost=1e-12
        recording d telnyx_session_id=call cost=-0.000000000003
    """).tree("call-session", "call")
    assert flatten(tree)["call-session", "call"].totals == (("USD", 1_999_999_999_999_999_999_999_996),)


def test_only_the_first_cost_field_with_a_value_counts(told):
    model = told("""
        message both cost=0.003 carrier_fee=0.001
        message fee cost=null carrier_fee=0.001
    """)
    assert drawn(model.tree("message", "both")) == "message both 0.003 USD"
    assert drawn(model.tree("message", "fee")) == "message fee 0.001 USD"


# Adding


def test_created_unchanged_updated(catalog):
    model = Model(catalog)
    for line, answer in [
        ('{"record_type": "recording", "id": 1, "cost": 0.10, "more": {"a": [1, 2], "b": null}}', "created"),
        ('{"more": {"b": null, "a": [1, 2]}, "cost": 0.10, "record_type": "recording", "id": 1}', "unchanged"),
        ('{"record_type": "recording", "id": "1", "cost": 0.10, "more": {"a": [1, 2], "b": null}}', "updated"),
        ('{"record_type": "recording", "id": "1", "cost": 0.1, "more": {"a": [1, 2], "b": null}}', "updated"),
        ('{"record_type": "recording", "id": "1", "cost": 0.1, "more": {"a": [2, 1], "b": null}}', "updated"),
        ('{"record_type": "recording", "id": "1", "cost": 0.1, "more": {"a": [true, 1], "b": null}}', "updated"),
        ('{"record_type": "webrtc", "id": "1"}', "created"),
    ]:
        assert (line, model.add(json.loads(line, parse_float=Decimal))) == (line, answer)


def test_a_type_from_outside_and_under_its_other_names(catalog):
    model = Model(catalog)
    assert model.add({"telnyx_session_id": "s"}, "call-session") == "created"
    assert model.add({"record_type": "webrtc_detail_record", "id": "w", "cost": "1"}) == "created"
    assert model.events() == [("call-session", "s"), ("webrtc", "w")]
    assert model.tree("webrtc-cdrs", "w").root.totals == {"USD": 1}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("record_type", [None, "", "no-such-type", 5]),
        ("id", [None, "", "a/b", "a\nb", "x" * 256, True, Decimal("1.5"), [], {}]),
        ("cost", [True, "", "free", "NaN", "Infinity", " 1", "1_000", ".", "e5", "0x1", "1,5", [], Decimal("NaN")]),
        ("cost", ["1e400", "1e12", "-1e12", "1e-13", "1.0000000000001", "1e12345", 10**12, Decimal("1E-13")]),
        ("currency", ["US", "USDT", "U$D", "ÄÖÜ", 840, True]),
        ("started_at", ["yesterday", "2026-13-01", "2026-03-17T25:00:00Z", 1773741600, True, []]),
        ("telnyx_session_id", [True, Decimal("1.5"), ["s"], {"s": 1}]),
    ],
)
def test_rejected_with_the_field_at_fault(catalog, field, values):
    for value in values:
        model = Model(catalog)
        record = {"record_type": "recording", "id": "r", field: value}
        assert (value, model.add(record)) == (value, ("rejected", field))
        assert model.events() == []


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("id", ["x" * 255, "v3:a+b=", "ä b", 0, -5]),
        ("cost", [None, "0", "-2", "+1", ".5", "5.", "1.666E-4", "1e11", "0e9999", "1." + "0" * 80, 5]),
        ("cost", [Decimal("1E-12"), Decimal("0.1000"), Decimal("1E+3"), "999999999999.999999999999"]),
        ("currency", [None, "", "usd", "EUR"]),
        ("started_at", [None, "", "2026-03-17", "2026-03-17T10:00:00", "2026-03-17T10:00:00.123456+05:30"]),
        ("telnyx_session_id", [None, "", "s", 5, "a/b"]),
    ],
)
def test_stored(catalog, field, values):
    for value in values:
        record = {"record_type": "recording", "id": "r", field: value}
        assert (value, Model(catalog).add(record)) == (value, "created")


# Messy data


def model_of(catalog, lines):
    model = Model(catalog)
    for line in lines:
        answer = model.add(line)
        assert answer in ("created", "updated", "unchanged"), (line, answer)
    return model


def answers(model):
    return {key: (model.tree(*key), flatten(model.tree(*key))) for key in model.events()}


@given(records(operator=True), st.integers(0, 2**32))
def test_the_order_of_arrival_makes_no_difference(catalog, lines, seed):
    expected = answers(model_of(catalog, lines))
    for order in orders(lines, random.Random(seed), count=2):
        assert answers(model_of(catalog, order)) == expected


@given(records(operator=True))
def test_every_record_counts_once_over_all_sessions(catalog, lines):
    model = model_of(catalog, lines)
    sessions = [model.tree(*key).root for key in model.sessions()]
    assert {node.key for root in sessions for node in root.walk()} == set(model.events())
    assert set(map(identity, lines)) <= set(model.events())
    assert sum(root.event_count - root.elsewhere_count for root in sessions) == len(model.events())
    own = [model.tree(*key).root for key in model.events()]
    with localcontext(EXACT):
        for currency in ("USD", "EUR", "GBP"):
            at_home = [root.totals.get(currency, 0) - root.elsewhere.get(currency, 0) for root in sessions]
            assert sum(at_home) == sum(node.cost for node in own if node.cost is not None and node.currency == currency)


@given(records(operator=True))
def test_asked_from_any_node_at_home_the_figures_are_those_of_the_whole(catalog, lines):
    model = model_of(catalog, lines)
    whole = {top: flatten(model.tree(*top)) for top in model.sessions()}
    for key in model.events():
        tree = model.tree(*key)
        top = tree.ancestors[-1].parent if tree.ancestors else key
        for below, node in flatten(tree).items():
            assert node._replace(relationship=None) == whole[top][below]._replace(relationship=None)


def test_orders_keep_the_versions_of_one_id_in_order():
    lines = generate(random.Random(1), 60, operator=True)
    seen = list(orders(lines, random.Random(2), count=3))
    assert lines not in seen and len({json.dumps(order, default=str) for order in seen}) == 3
    for order in seen:
        assert versions(order) == versions(lines)


def versions(lines):
    return {key: [line for line in lines if identity(line) == key] for key in map(identity, lines)}


def test_generated_data_is_all_the_mess_it_promises(catalog):
    lists = [generate(random.Random(seed), 100, operator=True) for seed in range(10)]
    assert lists == [generate(random.Random(seed), 100, operator=True) for seed in range(10)]
    assert all(len(set(map(identity, lines))) < len(lines) for lines in lists)
    models = [model_of(catalog, lines) for lines in lists]
    trees = [model.tree(*key) for model in models for key in model.sessions()]
    nodes = [node for tree in trees for node in tree.root.walk()]
    codes = {code for tree in trees for code, *_ in tree.problems}
    assert codes == {"several_parents", "fallback_link", "circle", "unlinked", "missing_children"}
    assert {node.status for node in nodes} == {"rated", "unpriced", "none"}
    assert max(len(tree.root.totals) for tree in trees) == 3
    assert any(node.also_in for node in nodes)
    assert any(node.elsewhere_count and not node.also_in and not node.children for node in nodes)
    assert set(OPERATOR_TYPES) <= {node.key.type for node in nodes}


def test_without_an_operators_types_only_shipped_ones():
    assert not {line["record_type"] for line in generate(random.Random(3), 500, operator=False)} & set(OPERATOR_TYPES)


def test_records_go_out_as_written():
    lines = [{"record_type": "recording", "id": 7, "cost": Decimal("1E-12")}, {"id": "x", "cost": Decimal("-1.50")}]
    body = ndjson(lines)
    assert [json.loads(line, parse_float=Decimal) for line in body.splitlines()] == lines
    assert b'"cost":-1.50}' in body
