"""Records of a type that the present catalogue does not have: left out of answers, and named when asked for."""

from sessiontree import taking_back
from sessiontree.catalog import Catalog
from sessiontree.store import Store, warning_of_undeclared
from sessiontree.store.suite.helpers import ACCOUNT, Opening, add, found, record, shipped


def without(*names: str) -> Catalog:
    """The catalogue without some types."""
    return Catalog({name: t for name, t in shipped().types.items() if name not in names}, shipped().updated)


def test_a_store_of_declared_types_has_nothing_undeclared(opening: Opening) -> None:
    store = opening()
    assert store.undeclared() == []
    add(store, record(store, "verify", "v"), record(store, "recording", "r"))
    assert store.undeclared() == []
    assert warning_of_undeclared(store) == ""


def test_undeclared_types_are_named_once_and_in_order(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "verify", "v"), record(store, "verify", "w"), record(store, "fax-api", "f"))
    add(store, record(store, "verify", "v"), record(store, "recording", "r"), account="other")
    store = opening(without("fax-api", "verify", "forking"))
    assert store.undeclared() == ["fax-api", "verify"]
    assert found(store, ids=[("verify", "v"), ("fax-api", "f")]) == []
    assert store.count() == 5


def test_a_type_that_is_declared_again_is_back(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "verify", "v"))
    assert warning_of_undeclared(opening(without("verify"))) == (
        "records of verify are stored, but the catalogue has no such type: name its folder with --catalog"
    )
    store = opening()
    assert store.undeclared() == []
    assert found(store, ids=[("verify", "v")]) == [("verify", "v")]


def homes(store: Store) -> list[tuple[str, str]]:
    """The session of the record `verify v`."""
    return store.sessions.of_record(ACCOUNT, "verify", "v")


def test_a_reread_takes_a_type_that_is_gone_out_of_the_sessions(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "verify", "v", cost="1"), record(store, "recording", "r"))
    taking_back.refresh(store)
    assert (homes(store), store.stale()) == ([("verify", "v")], [])
    store = opening(without("verify"))
    assert store.stale() == ["verify"]
    list(store.reread())
    assert store.stale() == []
    taking_back.refresh(store)
    assert homes(store) == []


def test_a_reread_brings_a_type_that_is_back_into_the_sessions(opening: Opening) -> None:
    store = opening()
    add(store, record(store, "verify", "v", cost="1"), record(store, "recording", "r"))
    lacking = opening(without("verify"))
    list(lacking.reread())
    taking_back.refresh(lacking)
    store = opening()
    assert (homes(store), store.stale()) == ([], ["verify"])
    list(store.reread())
    taking_back.refresh(store)
    assert (homes(store), store.stale()) == ([("verify", "v")], [])
