"""After any adds, repeats, changes, undos, deletes and prunes a store has just what the naive model predicts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import messy
from model import Key
from model_intakes import Kept, Taken
from sessiontree import catalog_files, taking_back
from sessiontree.catalog import Catalog
from sessiontree.reading import Reader
from sessiontree.store import Asks, Store, open_store
from sessiontree.store.intakes import Origin, Share, new_id
from sessiontree.store.removing import Removal, together
from stores import NewStore

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)
OPEN_SINCE = datetime(2026, 3, 17, 10, 0, tzinfo=UTC)
ACCOUNT = "default"
DATES = [datetime(2026, 3, 17, 10, 0, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC), datetime(2026, 3, 21, tzinfo=UTC)]
Step = tuple[str, Any]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("types")
    messy.write_operator_types(folder)
    return catalog_files.load(folder)


@dataclass
class Both:
    """A store and the model, told the same."""

    store: Store
    kept: Kept
    origins: list[Origin] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)
    ever: list[messy.Record] = field(default_factory=list)

    def add(self, parts: Sequence[tuple[int, Sequence[messy.Record]]]) -> None:
        """Add in one transaction what these imports bring, by number; -1 is none."""
        parts = [(number, records) for number, records in parts if number not in self.undone]
        self.ever += [record for _, records in parts for record in records]
        received = RECEIVED + timedelta(seconds=len(self.ever))
        read = Reader(self.store.catalog).read
        named = bool(parts) and all(number >= 0 for number, _ in parts)
        shares = [Share(self.origins[number], len(records)) for number, records in parts] if named else []
        bodies = messy.ndjson([record for _, records in parts for record in records]).splitlines()
        outcomes = self.store.add(ACCOUNT, [read(body) for body in bodies], received, shares)
        predicted: list[str] = []
        for number, records in parts:
            predicted += self.kept.add(records, intake=str(number) if named else None, received=received)
        assert [str(outcome) for outcome in outcomes] == predicted

    def undo(self, number: int, limit: int) -> None:
        origin = self.origins[number]
        intakes = self.store.intakes
        if intakes.get(ACCOUNT, origin.id) is None:
            return
        predicted = self.kept.undo(str(number))
        assert taken(intakes.preview(ACCOUNT, origin.id).removal) == predicted
        steps = []
        while (step := intakes.undo(ACCOUNT, origin.id, RECEIVED, limit=limit)) is not None:
            steps.append(step)
        assert taken(together(steps)) == predicted
        self.undone.add(number)
        assert taken(intakes.preview(ACCOUNT, origin.id).removal) == Taken()

    def delete(self, pick: int) -> None:
        tops = self.kept.model().sessions()
        if not tops:
            return
        top = tops[pick % len(tops)]
        predicted = self.kept.remove(self.kept.at_home(top))
        removing = self.store.removing
        would = taking_back.when_fresh(self.store, lambda: removing.session(ACCOUNT, *top, dry_run=True))
        removal = taking_back.when_fresh(self.store, lambda: removing.session(ACCOUNT, *top))
        assert removal is not None
        assert would == removal
        assert taken(removal) == predicted

    def prune(self, before: datetime) -> None:
        tops = self.kept.over(before, open_since=OPEN_SINCE)
        predicted = self.kept.remove([key for top in tops for key in self.kept.at_home(top)])
        would = taking_back.prune(self.store, ACCOUNT, before, open_since=OPEN_SINCE, dry_run=True)
        pruned = taking_back.prune(self.store, ACCOUNT, before, open_since=OPEN_SINCE)
        assert pruned == would
        assert (pruned.sessions, taken(pruned.removal)) == (len(tops), predicted)

    def check(self) -> None:
        """Contents, histories and links are those of the model."""
        store, read = self.store, Reader(self.store.catalog).read
        present: dict[Key, Any] = {}
        for record in self.ever:
            key = Key(*messy.identity(record))
            had = self.kept.contents.get(key, [])
            history = [(version.received, version.body) for version in store.history(ACCOUNT, *key)]
            assert history == [(content.received, content.body) for content in had]
            if had:
                present[key] = read(had[-1].body)
        assert store.count() == len(present)
        ever = [read(body) for body in messy.ndjson(self.ever).splitlines()]
        for kind in ("keys", "refs"):
            for value in {value for record in ever for value in getattr(record, kind) if value is not None}:
                asks = Asks(set(), {value}, set()) if kind == "keys" else Asks(set(), set(), {value})
                with store.snapshot(ACCOUNT) as snapshot:
                    found = {(record.record_type, record.id) for record in snapshot.find(asks)}
                assert found == {key for key, record in present.items() if value in getattr(record, kind)}, value


def taken(removal: Removal) -> Taken:
    gone = {currency: amount for currency, amount in removal.gone.items() if amount}
    return Taken(removal.removed, removal.restored, removal.dropped, gone)


@contextmanager
def both(new_store: NewStore, catalog: Catalog, imports: int) -> Iterator[Both]:
    with new_store() as where:
        store = open_store(where, catalog)
        try:
            yield Both(store, Kept(catalog), [Origin(new_id(), files=str(at)) for at in range(imports)])
        finally:
            store.close()


IMPORTS = 3


@st.composite
def sequences(draw: st.DrawFn) -> list[Step]:
    """Steps over records that meet: adds by one or several imports at once, and all ways of taking back."""
    records = draw(messy.records(operator=True))
    steps: list[Step] = []
    while records:
        parts = draw(st.lists(st.tuples(st.integers(0, IMPORTS - 1), st.integers(1, 5)), min_size=1, max_size=3))
        named = draw(st.booleans())
        adding = []
        for number, count in parts:
            adding.append((number if named else -1, records[:count]))
            records = records[count:]
        steps.append(("add", adding))
        if draw(st.booleans()):
            steps.append(draw(taking))
    return steps + draw(st.lists(undoing, max_size=IMPORTS))


undoing = st.tuples(st.just("undo"), st.tuples(st.integers(0, IMPORTS - 1), st.sampled_from([1, 2, 500])))
taking = st.one_of(
    undoing,
    undoing,
    st.tuples(st.just("delete"), st.integers(0, 50)),
    st.tuples(st.just("prune"), st.sampled_from(DATES)),
)


def run(new_store: NewStore, steps: Sequence[Step], catalog: Catalog) -> None:
    with both(new_store, catalog, IMPORTS) as each:
        for name, value in steps:
            if name == "add":
                each.add(value)
            elif name == "undo":
                each.undo(*value)
            elif name == "delete":
                each.delete(value)
            else:
                each.prune(value)
            each.check()


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(steps=sequences())
def test_a_store_has_what_the_model_predicts(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)


@pytest.mark.long
@thorough
@given(steps=sequences())
def test_a_store_has_what_the_model_predicts_of_much_more(new_store: NewStore, steps: list[Step], catalog: Catalog):
    run(new_store, steps, catalog)
