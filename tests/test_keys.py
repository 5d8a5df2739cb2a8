"""Making keys, and what people may say about one."""

from datetime import timedelta
from hashlib import sha256

import pytest

from sessiontree.keys import KeyRefused, digest, make_key, parse_duration, parse_scopes


def test_a_key_is_random_and_the_store_never_has_it():
    texts = {make_key()[0] for _ in range(100)}
    assert len(texts) == 100
    text, key = make_key(account="acme", scopes=frozenset({"read"}), name="reports", expires=timedelta(days=90))
    assert text.startswith("st_")
    assert len(text) == 46
    assert (key.prefix, key.digest) == (text[:11], sha256(text.encode()).digest())
    assert digest(text) == key.digest
    assert text not in repr(key)
    assert (key.account, key.scopes, key.name) == ("acme", {"read"}, "reports")
    assert key.expires == key.created + timedelta(days=90)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("1s", timedelta(seconds=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_durations(text: str, duration: timedelta):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-1d", "1.5h", "90 d", "1y", "9999999d"])
def test_other_text_is_no_duration(text: str):
    with pytest.raises(KeyRefused, match="no duration"):
        parse_duration(text)


def test_scopes():
    assert parse_scopes("read,write") == {"read", "write"}
    assert parse_scopes("admin, read") == {"admin", "read"}
    for text in ("", "read,", "reed", "READ"):
        with pytest.raises(KeyRefused, match="no scope"):
            parse_scopes(text)


@pytest.mark.parametrize("account", ["", "a\nb", "x" * 256])
def test_an_account_needs_a_name(account: str):
    with pytest.raises(KeyRefused, match="account"):
        make_key(account=account)


def test_a_key_expires_within_the_calendar():
    with pytest.raises(KeyRefused, match="9999"):
        make_key(expires=parse_duration("999999w"))
