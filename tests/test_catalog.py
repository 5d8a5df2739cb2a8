"""The catalogue: the shipped types, how names resolve, what is derived, and every refusal of a file."""

import dataclasses
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontree import catalog_files
from sessiontree.catalog import Catalog, Expectation, RecordType, Relationship, Via
from sessiontree.errors import CatalogError, SessiontreeError, UnknownRecordType

DOCS = Path(__file__).parent.parent / "docs" / "catalogue.md"

# type: product, event, id, cost fields
SHIPPED = """
call-session                    siptrunking-cdrs         call-session                    telnyx_session_id  -
call-control                    callcontrol-cdrs         callcontrol-cdrs                id    cost
sip-trunking                    siptrunking-cdrs         siptrunking-cdrs                id    cost
webrtc                          webrtc-cdrs              webrtc-cdrs                     id    cost
ai-voice-assistant              ai-voice-assistant       ai-voice-assistant              id    cost
inference                       inference                inference-event                 id    cost
inference-speech-to-text        inference                speech-to-text                  id    cost
inference-text-to-speech        inference                text-to-speech                  id    cost
summarization                   inference                summarization                   id    cost
embedding                       inference                embedding                       id    cost
speech-to-text                  speech-to-text           speech-to-text                  id    cost
text-to-speech                  text-to-speech           text-to-speech                  id    cost
amd                             amd                      amd                             id    cost
noise-suppression               noise-suppression        noise-suppression               id    cost
recording                       recording-cdrs           recording-cdrs                  id    cost
media_storage                   media-storage            media_storage                   id    cost
media-streaming                 media-streaming          media-streaming                 id    cost
forking                         forking                  forking                         id    cost
conference                      conference               conference                      id    -
conference-participant          conference               conference-participant          id    cost
message                         messaging                message                         uuid  cost,carrier_fee
ai-messaging-assistant          ai-messaging-assistant   ai-messaging-assistant          id    cost
room-session-event              programmable-video       room-session-event              id    cost
room-session-participant-event  programmable-video       room-session-participant-event  id    cost
room-session-recording-event    programmable-video       room-session-recording-event    id    cost
room-session-composition-event  programmable-video       room-session-composition-event  id    cost
verify                          verify-2fa               verify                          id    verify_usage_fee
fax-api                         fax-api                  fax-api                         id    cost
branded-calling                 branded-calling          branded-calling                 id    cost
siprec-client                   siprec-client            siprec-client                   id    cost
sim_card_usage                  wireless                 sim_card_usage                  id    data_cost
customer-service-record         customer-service-record  customer-service-record         id    cost
"""

# child < parent: local field = parent's field, in order of preference
PAIRS = """
call-control           < call-session: telnyx_session_id = telnyx_session_id, call_session_id = telnyx_session_id
sip-trunking           < call-session: telnyx_session_id = telnyx_session_id
recording              < call-session: telnyx_session_id = telnyx_session_id
webrtc                 < call-session: telnyx_session_id = telnyx_session_id
siprec-client          < call-session: call_session_id = telnyx_session_id, telnyx_session_id = telnyx_session_id
fax-api                < call-session: call_session_id = telnyx_session_id, telnyx_session_id = telnyx_session_id
conference-participant < call-session: call_session_id = telnyx_session_id
conference-participant < conference: conference_id = id
ai-voice-assistant     < call-control: telnyx_leg_id = telnyx_leg_id, telnyx_session_id = telnyx_session_id
amd                    < call-control: call_leg_id = telnyx_leg_id, call_session_id = telnyx_session_id
media-streaming        < call-control: call_leg_id = telnyx_leg_id, call_session_id = telnyx_session_id
speech-to-text         < call-control: call_leg_id = telnyx_leg_id, call_session_id = telnyx_session_id
text-to-speech         < call-control: call_leg_id = telnyx_leg_id, call_session_id = telnyx_session_id
noise-suppression      < call-control: call_leg_id = telnyx_leg_id, call_session_id = telnyx_session_id
inference              < ai-voice-assistant: conversation_id = conversation_id
ai-messaging-assistant < message: conversation_id = conversation_id
"""

TIMES = """
call-session                    started_at             finished_at
call-control                    started_at             finished_at
ai-voice-assistant              created_at             completed_at
speech-to-text                  start_time             end_time
amd                             invoked_at             -
conference                      started_at             ended_at
conference-participant          joined_at              left_at
message                         created_at,sent_at     completed_at
room-session-recording-event    started_at             ended_at,completed_at
sim_card_usage                  created_at             closed_at
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return catalog_files.load()


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def names(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


# --- the shipped types


def test_the_32_types(catalog):
    declared = [(t.name, t.product, t.event, t.id_field, t.cost_fields) for t in catalog.types.values()]
    expected = [(name, product, event, id, names(cost)) for name, product, event, id, cost in rows(SHIPPED)]
    assert len(expected) == 32
    assert sorted(declared) == sorted(expected)


def test_the_16_pairs(catalog):
    expected = []
    for line in PAIRS.strip().splitlines():
        child, parent, via = re.split(r"\s*[<:]\s*", line)
        expected.append((child, parent, tuple(Via(*pair.split(" = ")) for pair in via.split(", "))))
    declared = [(r.child, r.parent, r.via) for t in catalog.types.values() for r in t.parents]
    assert len(expected) == 16
    assert sorted(declared, key=str) == sorted(expected, key=str)


def test_a_participant_belongs_to_its_call_before_its_conference(catalog):
    assert [r.parent for r in catalog.types["conference-participant"].parents] == ["call-session", "conference"]


@pytest.mark.parametrize(("name", "start", "finish"), rows(TIMES))
def test_start_and_finish_in_order_of_preference(catalog, name, start, finish):
    declared = catalog.types[name]
    assert (declared.start_fields, declared.finish_fields) == (names(start), names(finish))


def test_every_type_but_the_virtual_one_has_a_start_and_dollars_by_default(catalog):
    assert all(t.start_fields for t in catalog.types.values())
    assert {t.default_currency for t in catalog.types.values()} == {"USD"}
    assert {t.currency_field for t in catalog.types.values()} == {"currency"}


def test_containers_virtual_types_and_second_ids(catalog):
    types = catalog.types.values()
    assert {t.name for t in types if not t.cost_fields} == {"call-session", "conference"}
    assert {t.name for t in types if t.virtual} == {"call-session"}
    assert {t.name: t.second_id_fields for t in types if t.second_id_fields} == {
        "ai-voice-assistant": ("conversation_id",)
    }


def test_every_description_says_something(catalog):
    texts = [t.description for t in catalog.types.values()]
    texts += [r.description for t in catalog.types.values() for r in t.parents]
    assert all(len(text) > 15 and text.endswith(".") for text in texts)
    assert len({t.description for t in catalog.types.values()}) == 32


def test_the_docs_list_every_type_with_its_other_names_and_parents(catalog):
    table = {line.split("`")[1]: line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")}
    for t in catalog.types.values():
        row = table[t.name]
        words = [t.product, *t.aliases, *(r.parent for r in t.parents)]
        assert [word for word in words if f"`{word}`" not in row] == [], t.name


# --- names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("call-control", "call-control"),
        ("callcontrol-cdrs", "call-control"),
        ("siptrunking-cdrs", "sip-trunking"),  # also the product of call-session: the alias decides
        ("recording-cdrs", "recording"),
        ("webrtc-cdrs", "webrtc"),
        ("webrtc_detail_record", "webrtc"),
        ("stt", "speech-to-text"),
        ("tts", "text-to-speech"),
        ("fax", "fax-api"),
        ("wireless", "sim_card_usage"),
        ("wireless_detail_record", "sim_card_usage"),
        ("messaging", "message"),
        ("message_detail_record", "message"),
        ("verify-2fa", "verify"),
        ("verification_detail_record", "verify"),
        ("amd_detail_record", "amd"),
        ("media-storage", "media_storage"),
        ("conference", "conference"),  # also the product of two types: the type's name decides
        ("conference_detail_record", "conference"),
        ("conference_participant_detail_record", "conference-participant"),
        ("inference", "inference"),
        ("ai-messaging-assistant-ai-messaging-assistant", "ai-messaging-assistant"),
    ],
)
def test_a_name_resolves(catalog, name, meant):
    assert catalog.resolve(name).name == meant
    assert catalog.find(name) is catalog.types[meant]


def test_a_product_resolves_where_only_one_type_has_it(tmp_path):
    write(tmp_path, "note", product="notebook")
    assert catalog_files.load(tmp_path).resolve("notebook").name == "note"
    write(tmp_path, "page", product="notebook")
    with pytest.raises(UnknownRecordType, match=r"notebook.*name one of note, page$"):
        catalog_files.load(tmp_path).resolve("notebook")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("programmable-video", "name one of room-session-composition-event, room-session-event, "),
        ("call-controll", "did you mean call-control"),
        ("speech_to_text", "did you mean speech-to-text"),
        ("Call-Session", "did you mean call-session"),
        ("zzz", "'zzz' is no record type: GET /v2/session_analysis/metadata or `sessiontree catalog list`"),
        ("", "'' is no record type"),
    ],
)
def test_an_unknown_name_lists_what_could_be_meant(catalog, name, said):
    assert catalog.find(name) is None
    with pytest.raises(UnknownRecordType) as refusal:
        catalog.resolve(name)
    assert said in str(refusal.value)
    assert isinstance(refusal.value, SessiontreeError)


def test_a_very_long_unknown_name_is_cut_in_the_answer(catalog):
    with pytest.raises(UnknownRecordType) as refusal:
        catalog.resolve("x" * 100_000)
    assert len(str(refusal.value)) < 300


# --- what is derived


def test_key_ref_and_link_fields(catalog):
    control = catalog.types["call-control"]
    assert control.ref_fields == ("telnyx_session_id", "call_session_id")
    assert catalog.key_fields("call-control") == ("telnyx_leg_id", "telnyx_session_id")
    assert catalog.link_fields("call-control") == ("call_session_id", "telnyx_leg_id", "telnyx_session_id")
    assert catalog.key_fields("ai-voice-assistant") == ("conversation_id",)
    assert catalog.types["conference-participant"].ref_fields == ("call_session_id", "conference_id")
    assert catalog.key_fields("conference") == ("id",)
    assert catalog.key_fields("inference") == ()
    assert catalog.link_fields("embedding") == ()


def test_key_fields_are_the_childrens_then_the_second_ids(tmp_path):
    write(tmp_path, "order", extra='second_ids = ["number", "code"]', fields="id number code batch")
    parents = '[[parents]]\nrecord_type = "order"\ndescription = "Its order."\nvia = [["o", "batch"], ["p", "code"]]'
    write(tmp_path, "item", parents=parents, fields="id o p")
    catalog = catalog_files.load(tmp_path)
    assert catalog.key_fields("order") == ("batch", "code", "number")
    assert catalog.link_fields("order") == ("batch", "code", "number")


def test_siblings(catalog):
    assert catalog.siblings("inference") == ()
    assert catalog.siblings("amd") == (
        "ai-voice-assistant",
        "media-streaming",
        "noise-suppression",
        "speech-to-text",
        "text-to-speech",
    )
    assert catalog.siblings("conference-participant") == (
        "call-control",
        "fax-api",
        "recording",
        "sip-trunking",
        "siprec-client",
        "webrtc",
    )


@pytest.mark.parametrize(
    ("name", "levels"),
    [("call-session", 3), ("call-control", 2), ("ai-voice-assistant", 1), ("inference", 0), ("conference", 1)],
)
def test_depth_below(catalog, name, levels):
    assert catalog.depth_below(name) == levels


def test_types_in_a_circle_count_once(tmp_path):
    write(tmp_path, "span", parents=parent("span"))
    write(tmp_path, "hen", parents=parent("egg"))
    write(tmp_path, "egg", parents=parent("hen"))
    write(tmp_path, "chick", parents=parent("hen"))
    catalog = catalog_files.load(tmp_path)
    depths = {name: catalog.depth_below(name) for name in ("span", "hen", "egg", "chick")}
    assert depths == {"span": 0, "hen": 1, "egg": 2, "chick": 0}
    assert catalog.siblings("span") == ()
    assert catalog.siblings("egg") == ("chick",)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """A few types, each with any of them as parents, itself included."""
    all_names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    fields = st.sampled_from(["id", "x", "y"])
    vias = st.lists(st.builds(Via, fields, fields), min_size=1, max_size=3, unique=True).map(tuple)
    types = {}
    for name in all_names:
        chosen = draw(st.lists(st.sampled_from(all_names), unique=True))
        types[name] = a_type(name, tuple(Relationship(name, other, draw(vias), "") for other in chosen))
    return Catalog(types, datetime(2026, 1, 1, tzinfo=UTC))


def a_type(name: str, parents: tuple[Relationship, ...]) -> RecordType:
    kinds = dict.fromkeys(["id", "x", "y"], "string")
    return RecordType(name, "", "", name, name, (), False, "id", (), (), (), (), "currency", "USD", kinds, parents)


@given(catalogs())
def test_children_and_parents_are_each_others_inverse(catalog):
    by_parent = [(name, r) for name, below in catalog.children.items() for r in below]
    by_child = [(r.parent, r) for t in catalog.types.values() for r in t.parents]
    assert sorted(by_parent, key=str) == sorted(by_child, key=str)
    assert catalog.children.keys() == catalog.types.keys()
    for name in catalog.types:
        assert set(catalog.key_fields(name)) == {via.parent_field for r in catalog.children[name] for via in r.via}
        assert all(name in catalog.siblings(other) for other in catalog.siblings(name))
        assert 0 <= catalog.depth_below(name) < len(catalog.types)


def test_nothing_can_be_changed(catalog):
    control = catalog.types["call-control"]
    for value, attribute in [
        (catalog, "types"),
        (catalog, "children"),
        (control, "name"),
        (control.parents[0], "child"),
        (control.parents[0].via[0], "local_field"),
    ]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, attribute, None)
    for mapping in (catalog.types, catalog.children, control.fields):
        with pytest.raises(TypeError):
            mapping["x"] = None


def test_a_change_of_the_types_given_does_not_reach_the_catalogue():
    types = {"a": a_type("a", ())}
    catalog = Catalog(types, datetime(2026, 1, 1, tzinfo=UTC))
    types.clear()
    assert list(catalog.types) == ["a"]


# --- an operator's folder


def parent(record_type: str, via: str = '[["id", "id"]]') -> str:
    return f'[[parents]]\nrecord_type = "{record_type}"\ndescription = "Above it."\nvia = {via}\n'


def write(
    folder: Path,
    name: str,
    *,
    product: str = "own",
    extra: str = "",
    parents: str = "",
    fields: str = "id",
) -> None:
    kinds = "\n".join(f'{field} = "string"' for field in fields.split())
    head = f'category = "Own"\ndescription = "Ours."\nproduct = "{product}"\nevent = "{name}"\nid = "id"'
    (folder / f"{name}.toml").write_text(f"{head}\n{extra}\n{parents}\n[fields]\n{kinds}\n", encoding="utf-8")


def test_a_folder_adds_types(tmp_path):
    write(tmp_path, "note", parents=parent("call-session", '[["call", "telnyx_session_id"]]'), fields="id call")
    catalog = catalog_files.load(tmp_path)
    assert len(catalog.types) == 33
    assert catalog.types["note"] == RecordType(
        name="note",
        category="Own",
        description="Ours.",
        product="own",
        event="note",
        aliases=(),
        virtual=False,
        id_field="id",
        second_id_fields=(),
        start_fields=(),
        finish_fields=(),
        cost_fields=(),
        currency_field="currency",
        default_currency="USD",
        fields={"id": "string", "call": "string"},
        parents=(Relationship("note", "call-session", (Via("call", "telnyx_session_id"),), "Above it."),),
    )
    assert catalog.types["note"].parents[0] in catalog.children["call-session"]
    assert "note" not in catalog_files.load().types


def test_a_folder_overrides_a_shipped_type_as_a_whole(tmp_path):
    write(tmp_path, "forking", product="own-forking")
    catalog = catalog_files.load(tmp_path)
    assert len(catalog.types) == 32
    assert catalog.types["forking"].product == "own-forking"
    assert catalog.types["forking"].cost_fields == ()


def test_the_same_promises_may_be_written_out(tmp_path):
    write(tmp_path, "note", parents=parent("conference") + "cost_rollup = true\ntraversal_enabled = true\n")
    assert catalog_files.check(tmp_path) == []


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("not a type")
    (tmp_path / ".note.toml").write_text("hidden")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "note.toml").write_text("further down")
    assert catalog_files.check(tmp_path) == []
    assert catalog_files.load(tmp_path).types.keys() == catalog_files.load().types.keys()


def test_updated_is_the_newest_change(tmp_path):
    shipped = catalog_files.load().updated
    assert shipped.tzinfo is UTC
    assert catalog_files.load(tmp_path).updated == shipped
    later = shipped + timedelta(days=2)
    for name, moment in [("note", later), ("page", shipped - timedelta(days=900))]:
        write(tmp_path, name)
        os.utime(tmp_path / f"{name}.toml", (moment.timestamp() + 0.5,) * 2)
    assert catalog_files.load(tmp_path).updated == later
    (tmp_path / "note.toml").unlink()
    assert catalog_files.load(tmp_path).updated == shipped


# --- refusals: one good file, one thing wrong with it, and the line that says so

GOOD = """\
category = "Own"
description = "A reply by our own model."
product = "own-model"
event = "reply"
aliases = ["model_reply"]
id = "id"
second_ids = ["code"]
start = ["started_at"]
finish = ["finished_at"]
cost = ["price"]
currency = "money"
default_currency = "EUR"

[[parents]]
record_type = "call-control"
description = "The leg on which it was heard."
via = [["leg", "telnyx_leg_id"], ["session", "telnyx_session_id"]]

[fields]
id = "string"
code = "integer"
leg = "string"
session = "string"
started_at = "time"
finished_at = "time"
price = "amount"
money = "string"
tags = "list"
details = "object"
length = "number"
final = "boolean"
"""

TO_SESSION = 'record_type = "call-session"'
VIA = '[["leg", "telnyx_leg_id"], ["session", "telnyx_session_id"]]'
KINDS = "string, integer, number, boolean, time, amount, list or object"

REFUSED = [
    # old text, new text, key, reason (how it begins)
    ('event = "reply"', 'evnt = "reply"', "evnt", "is not a key of a record type; the keys are category, "),
    ('event = "reply"', "", "event", "is missing"),
    ('id = "id"\nsecond', "second", "id", "is missing"),
    ('"A reply by our own model."', '" "', "description", "is empty"),
    ('category = "Own"', "category = 7", "category", "expected `str`, got `int`"),
    ('["model_reply"]', '"model_reply"', "aliases", "expected `array`, got `str`"),
    ('["model_reply"]', '["a", 5]', "aliases[1]", "expected `str`, got `int`"),
    ('["model_reply"]', '["a", "a"]', "aliases", "'a' stands there twice"),
    ('["model_reply"]', '["a/b"]', "aliases", "'a/b' is no alias; use 1 to 64 printable characters without /"),
    ('["model_reply"]', '[""]', "aliases", "'' is no alias"),
    ('["model_reply"]', '["reply"]', "aliases", "'reply' is the type's own name"),
    ('["model_reply"]', '["metadata"]', "aliases", "'metadata' is reserved"),
    ('["model_reply"]', '["amd"]', "aliases", "'amd' already means amd"),
    ('["model_reply"]', '["stt"]', "aliases", "'stt' already means speech-to-text"),
    ('id = "id"\nsecond', 'id = "uuid"\nsecond', "id", "'uuid' does not stand in [fields]"),
    (
        'id = "id"\nsecond',
        'id = "final"\nsecond',
        "id",
        "'final' is declared as boolean; here it must be string or int",
    ),
    ('["code"]', '["number"]', "second_ids", "'number' does not stand in [fields]"),
    ('["code"]', '["tags"]', "second_ids", "'tags' is declared as list; here it must be string or integer"),
    ('["started_at"]', '["begun"]', "start", "'begun' does not stand in [fields]"),
    ('["started_at"]', '["started_at", "leg"]', "start", "'leg' is declared as string; here it must be time"),
    ('["finished_at"]', '["done"]', "finish", "'done' does not stand in [fields]"),
    ('["finished_at"]', '["finished_at", "finished_at"]', "finish", "'finished_at' stands there twice"),
    ('["price"]', '["cost"]', "cost", "'cost' does not stand in [fields]"),
    ('["price"]', '["length"]', "cost", "'length' is declared as number; here it must be amount"),
    ('"money"', '"coin"', "currency", "'coin' does not stand in [fields]"),
    ('currency = "money"', "", "currency", "'currency' does not stand in [fields]; a type with a cost decl"),
    ('event = "reply"', 'event = "reply"\nprovider = " "', "provider", "is empty"),
    ('"EUR"', '"eur"', "default_currency", "'eur' is no currency code of three capital letters"),
    ('"EUR"', '"EURO"', "default_currency", "'EURO' is no currency code"),
    ('tags = "list"', 'tags = "text"', "fields.tags", f"'text' is no kind of field; use {KINDS}"),
    ('tags = "list"', "tags = 3", "fields.tags", "3 is no kind of field"),
    ("[[parents]]", "[parents]", "parents", "expected `array`, got `object`"),
    (VIA, "[]", "parents 1.via", "is empty; give at least one pair of fields"),
    (VIA, '[["leg"]]', "parents 1.via[0]", "expected `array` of length 2, got 1"),
    (VIA, '[["leg", 1]]', "parents 1.via[0][1]", "expected `str`, got `int`"),
    (VIA, '[["l", "telnyx_leg_id"]]', "parents 1.via", "'l' does not stand in [fields]"),
    (VIA, '[["tags", "telnyx_leg_id"]]', "parents 1.via", "'tags' is declared as list; here it must be string or int"),
    (VIA, '[["leg", "leg_id"]]', "parents 1.via", "call-control: 'leg_id' does not stand in [fields]"),
    (VIA, '[["leg", "cost"]]', "parents 1.via", "call-control: 'cost' is declared as amount; here it must be string"),
    (VIA, '[["leg", "id"], ["leg", "id"]]', "parents 1.via", "'leg = id' stands there twice"),
    (f"via = {VIA}", "", "parents 1.via", "is missing"),
    ('"The leg on which it was heard."', '""', "parents 1.description", "is empty"),
    (
        '"call-control"',
        '"call-controls"',
        "parents 1.record_type",
        "'call-controls' is no record type of the catalogue",
    ),
    (
        '"call-control"',
        '"callcontrol-cdrs"',
        "parents 1.record_type",
        "'callcontrol-cdrs' is no record type of the cat",
    ),
    ("via = [[", "cost_rollup = false\nvia = [[", "parents 1.cost_rollup", "must be true"),
    ("via = [[", "traversal_enabled = false\nvia = [[", "parents 1.traversal_enabled", "must be true"),
    ("via = [[", "cost_rollup = 1\nvia = [[", "parents 1.cost_rollup", "expected `bool`, got `int`"),
    ("via = [[", "vía = 1\nvia = [[", "line 17", "is not TOML: "),
    ("via = [[", "field = 1\nvia = [[", "parents 1.field", "is not a key of a parent"),
    (
        "[fields]",
        parent("call-control") + "\n[fields]",
        "parents 2.record_type",
        "call-control is named twice; list its",
    ),
    (
        'record_type = "call-control"',
        TO_SESSION,
        "parents 1.via",
        "call-session: 'telnyx_leg_id' does not stand in [fields]",
    ),
    (
        f'record_type = "call-control"\ndescription = "The leg on which it was heard."\nvia = {VIA}',
        f'{TO_SESSION}\ndescription = "x"\nvia = [["session", "call_session_id"]]',
        "parents 1.via",
        "call-session is virtual: it is found by its id, 'telnyx_session_id', and not by 'call_session_id'",
    ),
    ('"EUR"\n', '"EUR"\nexpects = ["amd"]\n', "expects", "expected `object`, got `array`"),
    (
        'finish = ["finished_at"]',
        'expects = { reply = "length" }',
        "expects",
        "needs the key finish: before a record has finished, nothing is missing below it",
    ),
    ('"EUR"\n', '"EUR"\nexpects = { amd = "calls" }\n', "expects.amd", "'calls' does not stand in [fields]"),
    (
        '"EUR"\n',
        '"EUR"\nexpects = { amd = "leg" }\n',
        "expects.amd",
        "'leg' is declared as string; here it must be integer, number or amount",
    ),
    (
        '"EUR"\n',
        '"EUR"\nexpects = { amd_detail_record = "price" }\n',
        "expects.amd_detail_record",
        "'amd_detail_record' is no record type of the catalogue; name a type, not an alias",
    ),
    (
        '"EUR"\n',
        '"EUR"\nexpects = { amd = "price" }\n',
        "expects.amd",
        "amd does not belong under reply: it does not name it as a parent",
    ),
    ('event = "reply"', "event = reply", "line 4", "is not TOML: "),
    ('event = "reply"', 'event = "reply', "line 4", "is not TOML: "),
    ('final = "boolean"\n', 'final = """', "line 31", "is not TOML: "),
    ('id = "string"', 'id = "string"\nid = "string"', "line 21", "is not TOML: "),
]


def test_the_good_file_is_good(tmp_path):
    (tmp_path / "reply.toml").write_text(GOOD, encoding="utf-8")
    assert catalog_files.check(tmp_path) == []


@pytest.mark.parametrize(("old", "new", "key", "reason"), REFUSED)
def test_refused_with_file_key_and_reason(tmp_path, old, new, key, reason):
    assert GOOD.count(old) >= 1
    (tmp_path / "reply.toml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    assert next(str(error) for error in catalog_files.check(tmp_path)).startswith(f"reply.toml: {key}: {reason}")
    with pytest.raises(CatalogError) as refusal:
        catalog_files.load(tmp_path)
    assert (refusal.value.file, refusal.value.key) == ("reply.toml", key)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Reply", "'Reply' is no name for a record type; use 1 to 64 of a-z, 0-9, _ and -"),
        ("a reply", "'a reply' is no name"),
        ("x" * 65, f"'{'x' * 65}' is no name"),
        ("metadata", "'metadata' is reserved"),
        ("stt", "'stt' is already an alias of speech-to-text"),
    ],
)
def test_a_name_that_cannot_be(tmp_path, name, reason):
    write(tmp_path, name)
    (error,) = catalog_files.check(tmp_path)
    assert (error.file, error.key) == (f"{name}.toml", "file name")
    assert error.reason.startswith(reason)


def test_a_name_of_64_characters_can_be(tmp_path):
    write(tmp_path, "x" * 64)
    assert catalog_files.check(tmp_path) == []


def test_two_own_types_with_one_alias(tmp_path):
    write(tmp_path, "note", extra='aliases = ["memo"]')
    write(tmp_path, "page", extra='aliases = ["memo"]')
    assert [str(error) for error in catalog_files.check(tmp_path)] == ["page.toml: aliases: 'memo' already means note"]


def test_an_override_that_drops_a_field_to_which_shipped_types_link(tmp_path):
    write(tmp_path, "message")
    assert [str(error) for error in catalog_files.check(tmp_path)] == [
        "message.toml: fields: message: 'conversation_id' does not stand in [fields], "
        "to which ai-messaging-assistant links"
    ]


def test_expected_children(tmp_path):
    (tmp_path / "reply.toml").write_text(GOOD.replace("[[p", 'expects = { note = "length" }\n\n[[p'), encoding="utf-8")
    write(tmp_path, "note", parents=parent("reply"))
    assert catalog_files.load(tmp_path).types["reply"].expects == (Expectation("note", "length"),)
    assert catalog_files.load(tmp_path).types["ai-voice-assistant"].expects == (Expectation("inference", "billed_sec"),)


def test_an_override_that_no_longer_belongs_where_a_shipped_type_expects_it(tmp_path):
    write(tmp_path, "inference")
    assert [str(error) for error in catalog_files.check(tmp_path)] == [
        "inference.toml: parents: ai-voice-assistant expects these records below it: "
        "name it as a parent, or override it too"
    ]


def test_every_error_of_a_folder_at_once(tmp_path):
    write(tmp_path, "a", parents=parent("nowhere"))
    (tmp_path / "b.toml").write_text("= 1")
    write(tmp_path, "c", parents=parent("b"))  # b is at fault, not c
    d = GOOD.replace('"reply"', "4").replace("[[parents]]", "[[parent]]")
    (tmp_path / "d.toml").write_text(d, encoding="utf-8")
    e = GOOD.replace('price = "amount"', "").replace("EUR", "?").replace("model_reply", "amd")
    (tmp_path / "e.toml").write_text(e, encoding="utf-8")
    errors = [(error.file, error.key) for error in catalog_files.check(tmp_path)]
    assert errors == [
        ("a.toml", "parents 1.record_type"),
        ("b.toml", "line 1"),
        ("d.toml", "event"),
        ("d.toml", "parent"),
        ("e.toml", "cost"),
        ("e.toml", "default_currency"),
        ("e.toml", "aliases"),
    ]


def test_text_that_is_not_utf8(tmp_path):
    (tmp_path / "note.toml").write_bytes(b'id = "id"\nevent = "\xff"')
    assert [str(error) for error in catalog_files.check(tmp_path)] == ["note.toml: line 2: is not UTF-8 text"]


def test_a_folder_that_is_not_there(tmp_path):
    nowhere = tmp_path / "nowhere"
    assert [str(error) for error in catalog_files.check(nowhere)] == [
        f"{nowhere}: cannot be read: No such file or directory"
    ]
    with pytest.raises(CatalogError):
        catalog_files.load(nowhere)


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "note.toml").mkdir()
    assert [str(error) for error in catalog_files.check(tmp_path)] == [
        "note.toml: file: cannot be read: Is a directory"
    ]


def test_the_types_in_the_docs_can_be_used_as_they_stand(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    for name, block in zip(["own-llm", "crm-case", "crm-mail"], blocks, strict=True):
        (tmp_path / f"{name}.toml").write_text(block, encoding="utf-8")
    assert catalog_files.check(tmp_path) == []


def test_the_errors_in_the_docs_are_the_ones_given(tmp_path):
    own_llm = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[0]
    for old, new in [('price = "amount"\n', ""), ('["call", "telnyx_session_id"]', '["call", "call_session_id"]')]:
        (tmp_path / "own-llm.toml").write_text(own_llm.replace(old, new), encoding="utf-8")
        (error,) = catalog_files.check(tmp_path)
        assert f"\n{error}\n" in DOCS.read_text("utf-8")
