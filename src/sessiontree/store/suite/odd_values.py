"""Values at the edges: odd text, large amounts, early and late times."""

import pytest

from sessiontree.store import Store
from sessiontree.store.suite.helpers import ACCOUNT, add, as_stored, found, get, history, read, record

ODD_TEXTS = [
    *("'", '"', "'; drop table record; --", "%", "_", "*", "?", "\\", "\\u0000", "{}", "[1]", "a b", "NULL", "null"),
    *("é", "e\u0301", "Ω", "漢字", "👩🚀", "\U0001f4de", "\u0131", "I", "i"),
    *("x" * 255, "é" * 255, "\U0001f4de" * 255, "0", "00", "-1", "1e5", "=key", "=ref", "1 =key x", "v3:abc-_~"),
    *("f54f0dae-21e2-11f1-8b1c-02420aef92a0", "F54F0DAE-21E2-11F1-8B1C-02420AEF92A0"),
    *("019cfc5d-b5ee-7c3a-a7b4-e2c1f1d1f0aa", "ffffffff-ffff-1fff-ffff-ffffffffffff"),
    *("00000000-0000-1000-0000-000000000000", "ffffffff-ffff-7fff-ffff-ffffffffffff"),
    *(
        "zzzzzzzz-zzzz-1zzz-zzzz-zzzzzzzzzzzz",
        "-1234567-1234-1-23-1234-123456789012",
        "+1 34567-1_34-7123-1234-123456789012",
    ),
    *(
        "________-____-1___-____-____________",
        "٣٣٣٣٣٣٣٣-٣٣٣٣-1٣٣٣-٣٣٣٣-٣٣٣٣٣٣٣٣٣٣٣٣",
        "🚀" * 8 + "-1234-7123-1234-123456789012",
    ),
    "12345678-1234-4123-8123-123456789012",
]


def test_odd_texts_are_told_apart_and_come_back(store: Store) -> None:
    """All in one store, each as an id, as a key and as a ref: each finds its own and nothing else."""
    assert len(set(ODD_TEXTS)) == len(ODD_TEXTS)
    for text in ODD_TEXTS:
        one = record(store, "ai-voice-assistant", text, conversation_id=text, telnyx_leg_id=text, note=text)
        assert add(store, one) == ["created"], text
    for text in ODD_TEXTS:
        mine = [("ai-voice-assistant", text)]
        assert found(store, ids=mine) == found(store, keys=[text]) == found(store, refs=[text]) == mine
        assert len(history(store, *mine[0])) == 1
    assert store.count() == len(ODD_TEXTS)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\x7f", "\u2028", "\ufeff", "\n", "/", " ", "x" * 1000])
def test_link_values_may_be_what_ids_may_not(store: Store, text: str) -> None:
    add(store, record(store, "ai-voice-assistant", "one", conversation_id=text, telnyx_leg_id=text))
    add(store, record(store, "ai-voice-assistant", "other", conversation_id="a", telnyx_leg_id="a"))
    assert found(store, keys=[text]) == found(store, refs=[text]) == [("ai-voice-assistant", "one")]


@pytest.mark.parametrize("text", ["\ud800", "x" * 5000, "", "\0"])
def test_text_that_no_record_can_have_finds_nothing(store: Store, text: str) -> None:
    add(store, record(store, "inference", "a", conversation_id="talk"))
    assert found(store, ids=[("inference", text), (text, "a")], keys=[text], refs=[text]) == []
    assert history(store, "inference", text) == []


@pytest.mark.parametrize("account", ["é", "a'b", "x" * 255, "=key", "1", "A", "a"])
def test_accounts_of_any_name(store: Store, account: str) -> None:
    one = record(store, "recording", "r", telnyx_session_id="s")
    add(store, one, account="a a")
    add(store, one, account=account)
    assert get(store, "recording", "r", account=account) == as_stored(one)
    assert store.accounts() == sorted(["a a", account])
    assert found(store, refs=["s"], account=account.swapcase() + " ") == []


def test_fields_of_any_name(store: Store) -> None:
    names = ["", "\0", "a\0b", "\x1a0000", "\x1a", "é", "'", '"', "\\", "{}", "a,b", " ", "\u2028"]
    add(store, record(store, "recording", "r", **dict.fromkeys(names, 1)))
    assert store.fields(ACCOUNT, "recording") == {"id": "string"} | dict.fromkeys(names, "number")


@pytest.mark.parametrize(
    "cost",
    [
        *("0", "0.000000000001", "-0.000000000001", "999999999999.999999999999", "-999999999999.999999999999"),
        *("9223372.036854775807", "9223372.036854775808", "-9223372.036854775808", "-9223372.036854775809"),
        *("18446744.073709551615", "18446744.073709551616", "4294967296", "1.666E-4", "1e11"),
    ],
)
def test_amounts_of_any_size_are_exact(store: Store, cost: str) -> None:
    one = record(store, "recording", "r", cost=cost)
    add(store, one)
    assert one.cost is not None
    assert get(store, "recording", "r").cost == one.cost


def test_no_cost_is_not_zero(store: Store) -> None:
    add(store, record(store, "recording", "none"), record(store, "recording", "zero", cost="0"))
    assert get(store, "recording", "none").cost is None
    assert get(store, "recording", "zero").cost == 0


@pytest.mark.parametrize(
    "time",
    [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z", "1970-01-01"),
        *("2038-01-19T03:14:08.000001Z", "2026-03-17T10:00:00.123456+05:45", "1583-01-01T00:00:00.000001-11:59"),
    ],
)
def test_times_of_any_year_are_exact(store: Store, time: str) -> None:
    one = record(store, "recording", "r", started_at=time, finished_at=time)
    add(store, one, received=one.start or pytest.fail("a time"))
    again = get(store, "recording", "r")
    assert (again.start, again.finish, again.received) == (one.start, one.start, one.start)


@pytest.mark.parametrize(
    "body",
    [
        '{"id":"r","n":0.1000000000000000055511151231257827021181583404541015625}',
        '{"id":"r","n":1e400,"m":-0,"k":12345678901234567890123456789}',
        '{"id":"r","n":1,"n":2}',
        '{"id":"r","":{"":[]},"é":"\\ud83d\\ude80","e":"\\u0000"}',
        '\n\t{ "id" : "r" }\r\n  ',
        '{"id":"r","text":"' + "x" * 500_000 + '"}',
        '{"id":"r","deep":' + "[" * 400 + "]" * 400 + "}",
    ],
)
def test_bodies_come_back_byte_for_byte(store: Store, body: str) -> None:
    add(store, read(store, "recording", body))
    assert get(store, "recording", "r").body == body.encode()
    assert add(store, read(store, "recording", body + " ")) == ["unchanged"]
    assert [version.body for version in store.history(ACCOUNT, "recording", "r")] == [body.encode()]
