"""Messy usage records for the laws: random, over small pools of values, so that they meet, repeat and contradict.

`shapes` says for each record type which values each field may take; everything else chooses from it: `records` is the
hypothesis strategy, `generate` makes larger data from a seed. All of them are records that get stored: what is refused
has its own tests. The operator's types that some shapes need are written by `write_operator_types` in
`operator_types.py`.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from operator_types import OPERATOR_TYPES, write_operator_types

__all__ = ["OPERATOR_TYPES", "generate", "identity", "ndjson", "orders", "records", "write_operator_types"]

Record = dict[str, Any]
Shape = dict[str, Sequence[Any]]
"""The values each field of a record may take; MISSING leaves the field out."""

MISSING = object()
NOTHING = (None, "", MISSING)

COSTS = (
    *("0.0052", "0.18", "0.0010", "0.002", "0.0401", "1.421E-4", "7.0E-7", "1e2", "-0.01", "-2", "0", "0.0"),
    *("+.5", "5.", "0.000000000001", "999999999999.999999999999"),
    *(3, 0, -1, Decimal("0.029283"), Decimal("1E-12"), Decimal("-1.5")),
    *(None, None, MISSING),
)
CURRENCIES = ("USD", "USD", "USD", "EUR", "EUR", "eur", "GBP", None, "", MISSING)
STARTS = (
    *("2026-03-17T10:00:00Z", "2026-03-17T10:00:00", "2026-03-17T11:00:00+01:00", "2026-03-17T10:00:00.250Z"),
    *("2026-03-17", "2026-03-16T23:59:59.999999Z", "2026-03-18T00:00:01-05:00", "2026-03-17T09:59:00Z", *NOTHING),
)
FINISHES = ("2026-03-17T10:02:32Z", "2026-03-17T10:02:33.5Z", "2026-03-18", "2026-03-17T09:00:00Z", *NOTHING)


@cache
def shapes(size: int) -> dict[str, Shape]:
    """The shape of each record type with about this many ids, sessions, legs and so on to choose from."""
    ids, span, case, few = pool("r", size), pool("span", size), pool("case", size), pool("f", max(2, size // 3))
    session, leg, conversation = maybe(pool("s", size)), maybe(pool("leg", size)), maybe(pool("talk", size))
    other, conference = maybe(few), maybe(ids)
    plain = {"id": ids, "cost": COSTS, "currency": CURRENCIES, "note": (MISSING, MISSING, "again")}
    timed = {**plain, "started_at": STARTS, "finished_at": FINISHES}
    created = {**plain, "created_at": STARTS}
    by_leg = {"call_leg_id": leg, "call_session_id": session}
    in_session = {"telnyx_session_id": session}
    participant = {**plain, "joined_at": STARTS, "left_at": FINISHES}
    assistant = {**created, "completed_at": FINISHES, "billed_sec": (60, "180", Decimal("0.5"), 0, "0", "none", None)}
    message = {"uuid": ids, "cost": COSTS, "carrier_fee": ("0.003", MISSING), "currency": CURRENCIES, "sent_at": STARTS}
    own = {**created, "id": few}
    return {
        "call-session": {"telnyx_session_id": pool("s", size), "started_at": STARTS, "finished_at": FINISHES},
        "call-control": {**timed, **in_session, "telnyx_leg_id": leg, "call_session_id": session},
        "sip-trunking": {**timed, **in_session},
        "recording": {**timed, **in_session},
        "webrtc": {**timed, **in_session},
        "siprec-client": {**timed, **in_session, "call_session_id": session},
        "fax-api": {**timed, **in_session, "call_session_id": session},
        "conference": {"id": ids, "started_at": STARTS, "ended_at": FINISHES},
        "conference-participant": {**participant, "conference_id": conference, "call_session_id": session},
        "ai-voice-assistant": {**assistant, **in_session, "telnyx_leg_id": leg, "conversation_id": conversation},
        "amd": {**plain, **by_leg, "invoked_at": STARTS},
        "media-streaming": {**timed, **by_leg},
        "speech-to-text": {**plain, **by_leg, "start_time": STARTS, "end_time": FINISHES},
        "text-to-speech": {**created, **by_leg},
        "noise-suppression": {**created, **by_leg},
        "inference": {**created, "conversation_id": conversation},
        "message": {**message, "conversation_id": conversation},
        "ai-messaging-assistant": {**created, "conversation_id": conversation},
        "verify": {"id": ids, "verify_usage_fee": COSTS, "currency": CURRENCIES, "created_at": STARTS},
        "sim_card_usage": {"id": ids, "data_cost": COSTS, "currency": CURRENCIES, "created_at": STARTS},
        "span": {**timed, "id": span, "parent_span_id": maybe(span), "session_id": session},
        "question": {**own, "answer_id": other},
        "answer": {**own, "question_id": other},
        "task": {**timed, "id": few, "session_id": session, "plan_id": other, "case_id": maybe(case)},
        "plan": {**own, "conference_id": conference, "task_id": other},
        "case": {"case_id": case, "session_id": session, "opened_by": ("a", "b"), "started_at": STARTS},
        "score": {**created, "control_id": maybe(ids), "leg_id": leg, "session_id": session},
    }


FAMILIES = (
    ("call-session", "call-control", "sip-trunking", "recording", "webrtc", "siprec-client", "fax-api", "span"),
    ("call-control", "amd", "speech-to-text", "score"),
    ("call-control", "text-to-speech", "media-streaming", "noise-suppression"),
    ("call-control", "ai-voice-assistant", "inference"),
    ("conference", "conference-participant", "recording", "call-session"),
    ("message", "ai-messaging-assistant", "verify", "sim_card_usage"),
    ("question", "answer"),
    ("span",),
    ("task", "plan", "case", "conference", "conference-participant"),
)
"""Types that have something to do with each other: a short list of records is of one family, so that they meet."""

NAMES_INSIDE = {
    "webrtc": ("webrtc", "webrtc_detail_record"),
    "conference-participant": ("conference-participant", "conference_participant_detail_record"),
    "message": ("message", "message_detail_record"),
    "amd": ("amd", "amd_detail_record"),
}
"""Types whose records name themselves in more than one way."""

TYPES = {name: kind for kind, names in NAMES_INSIDE.items() for name in names}
ID_FIELDS = {"call-session": "telnyx_session_id", "message": "uuid", "case": "case_id"}


def pool(prefix: str, size: int) -> tuple[str | int, ...]:
    """Values to link by, some as whole numbers beside the same in text."""
    return (*(f"{prefix}{number}" for number in range(size)), 7, "7")


def maybe(values: Sequence[Any]) -> Sequence[Any]:
    """Values that are sometimes not there, and sometimes name what nothing has."""
    return (*values, *values, "nowhere", *NOTHING)


def shapes_for(size: int, *, operator: bool) -> dict[str, Shape]:
    """The shapes, with the record type as one more field. Without `operator` only the types that are shipped."""
    return {
        kind: {"record_type": NAMES_INSIDE.get(kind, (kind,)), **shape}
        for kind, shape in shapes(size).items()
        if operator or kind not in OPERATOR_TYPES
    }


@st.composite
def records(draw: st.DrawFn, *, operator: bool, size: int = 2, count_max: int = 30) -> list[Record]:
    """Lists of records in order of arrival, some of which arrive again as they were."""
    shapes = shapes_for(size, operator=operator)
    families = [[kind for kind in family if kind in shapes] for family in (*FAMILIES, shapes)]
    family = draw(st.sampled_from([kinds for kinds in families if kinds]))
    kinds = [st.fixed_dictionaries(choices(shapes[kind])) for kind in family]
    count = draw(st.integers(1, count_max))
    first = draw(st.lists(st.one_of(kinds).map(without_missing), min_size=count, max_size=count))
    return first + draw(st.lists(st.sampled_from(first), max_size=3))


def choices(shape: Shape) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.sampled_from(values) for name, values in shape.items()}


def generate(rng: random.Random, count: int, *, operator: bool, size: int | None = None) -> list[Record]:
    """This many records in order of arrival; with one seed always the same.

    By default there are about as many ids, sessions and legs to choose from as there are records of each type, so that
    records meet about as often at any count.
    """
    kinds = list(shapes_for(size or max(3, count // 25), operator=operator).values())
    made: list[Record] = []
    while len(made) < count:
        again = made and rng.random() < 0.05
        made.append(rng.choice(made) if again else one(rng, rng.choice(kinds)))
    return made


def one(rng: random.Random, shape: Shape) -> Record:
    return without_missing({name: rng.choice(values) for name, values in shape.items()})


def without_missing(fields: Record) -> Record:
    return {name: value for name, value in fields.items() if value is not MISSING}


def identity(record: Record) -> tuple[str, str]:
    """Whose version a record is: its type's own name and its id as text."""
    kind = TYPES.get(record["record_type"], record["record_type"])
    return kind, str(record[ID_FIELDS.get(kind, "id")])


def orders(records: Sequence[Record], rng: random.Random, *, count: int = 5) -> Iterator[list[Record]]:
    """Random orders of arrival in which the versions of one id keep theirs."""
    for _ in range(count):
        turns = [identity(record) for record in records]
        rng.shuffle(turns)
        versions = defaultdict(list)
        for record in reversed(records):
            versions[identity(record)].append(record)
        yield [versions[turn].pop() for turn in turns]


def ndjson(records: Sequence[Record]) -> bytes:
    """The records as a body to send; a Decimal becomes a JSON number with just its digits."""
    return msgspec.json.Encoder(decimal_format="number").encode_lines(records)
