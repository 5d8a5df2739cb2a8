"""API keys: kept, found, revoked, and noticed by everybody at once."""

from datetime import timedelta
from itertools import pairwise

from sessiontree.store import ApiKey, Store
from sessiontree.store.suite.helpers import RECEIVED, Opening, add, later, record


def key(prefix: str, *, account: str = "a", created: int = 0, **values: object) -> ApiKey:
    digest = prefix.encode().ljust(32, b"\0")
    scopes = frozenset({"read", "write"})
    return ApiKey(prefix, digest, account, scopes, f"key {prefix}", later(created), None, **values)  # type: ignore[arg-type]


def test_a_key_comes_back_as_it_was(store: Store) -> None:
    plain = key("st_plain")
    odd = ApiKey(
        "st_odd", bytes(range(32)), "é'", frozenset({"admin"}), "a 'name'; --", later(0.000001), later(9.5), later(10)
    )
    bare = ApiKey("st_bare", b"\xff" * 32, "a", frozenset(), "", RECEIVED - timedelta(days=30_000), None)
    for each in (plain, odd, bare):
        store.add_key(each)
        assert store.find_key(each.digest) == each
    assert store.find_key(b"\0" * 32) is None
    assert store.find_key(b"") is None


def test_keys_are_listed_oldest_first(store: Store) -> None:
    made = {
        name: key(name, account=account, created=at)
        for name, account, at in [("c", "a", 3), ("b", "b", 1), ("z", "a", 2), ("a", "a", 2)]
    }
    for each in made.values():
        store.add_key(each)
    listed = store.keys()
    assert [each.prefix for each in listed] == ["b", "a", "z", "c"]
    assert store.keys("a") == [made["a"], made["z"], made["c"]]
    assert store.keys("nobody") == []


def test_an_account_with_a_key_is_an_account(store: Store) -> None:
    store.add_key(key("k", account="with key"))
    add(store, record(store, "recording", "r"), account="with record")
    assert store.accounts() == ["with key", "with record"]


def test_revoking_is_noted_once(store: Store) -> None:
    store.add_key(key("k"))
    store.add_key(key("other"))
    revoked = store.revoke_key("k", later(5))
    assert revoked == store.find_key(key("k").digest) == key("k", revoked=later(5))
    assert store.revoke_key("k", later(9)) == revoked
    assert store.find_key(key("other").digest) == key("other")
    assert store.revoke_key("nobody", later(5)) is None


def test_an_account_can_only_revoke_its_own_keys(store: Store) -> None:
    store.add_key(key("k", account="a"))
    assert store.revoke_key("k", later(5), "b") is None
    assert store.find_key(key("k").digest) == key("k")
    assert store.revoke_key("k", later(5), "a") == key("k", revoked=later(5))


def test_the_last_use_is_noted_and_never_goes_back(store: Store) -> None:
    store.add_key(key("k"))
    store.add_key(key("other"))
    store.note_uses({"k": later(5), "nobody": later(5)})
    assert store.find_key(key("k").digest) == key("k", used=later(5))
    store.note_uses({"k": later(4.999999)})
    assert store.keys() == [key("k", used=later(5)), key("other")]
    store.note_uses({"other": later(0.000001), "k": later(9)})
    assert store.keys() == [key("k", used=later(9)), key("other", used=later(0.000001))]
    store.note_uses({})
    assert store.revoke_key("k", later(10)) == key("k", used=later(9), revoked=later(10))


def test_a_key_that_comes_with_its_last_use_keeps_it(store: Store) -> None:
    store.add_key(key("k", used=later(3)))
    assert store.find_key(key("k").digest) == key("k", used=later(3))


def test_changes_differs_when_keys_have_changed(opening: Opening) -> None:
    """Whoever remembers keys sees that they may have changed, here or by another process."""
    store, other = opening(), opening()
    seen = [store.changes()]
    store.add_key(key("k"))
    seen.append(store.changes())
    other.add_key(key("j"))
    seen.append(store.changes())
    other.revoke_key("k", later(1))
    seen.append(store.changes())
    store.revoke_key("j", later(1))
    seen.append(store.changes())
    assert all(before != after for before, after in pairwise(seen)), seen
    assert store.changes() == seen[-1]
    assert store.keys() == other.keys() == [key("j", revoked=later(1)), key("k", revoked=later(1))]
