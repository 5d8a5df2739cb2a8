"""The naive model's session rows: every row from the trees of all tops, worked out anew; and how to compare them.

It knows the trees that the model predicts, the catalogue's declarations and when each record was received; nothing of
how rows are kept up to date.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from model import Key, Model, ModelTree, add
from model_tree import ModelNode, units
from sessiontree.catalog import Catalog
from sessiontree.sessions import Session


class Row(NamedTuple):
    """All that is compared of a session. Amounts are ints of 10^-12; problems are (code, type, id), sorted."""

    start: datetime | None
    finish: datetime | None
    currency: str
    totals: dict[str, int]
    elsewhere: dict[str, int]
    event_count: int
    elsewhere_count: int
    unpriced_count: int
    elsewhere_unpriced_count: int
    products: list[tuple[str, str, int, int]]
    problems: list[tuple[str, str, str]]
    unlinked: bool  # whatever the reason
    open_start: datetime | None
    changed: datetime | None


def predicted(model: Model, catalog: Catalog, received: Mapping[Key, datetime] | None = None) -> dict[Key, Row]:
    """The row of every session; without the times of receipt none says when it changed."""
    return {top: _row(_tree(model, top), catalog, received) for top in model.sessions()}


def _tree(model: Model, top: Key) -> ModelTree:
    tree = model.tree(*top)
    assert tree is not None
    return tree


def _row(tree: ModelTree, catalog: Catalog, received: Mapping[Key, datetime] | None) -> Row:
    root = tree.root
    nodes = list(root.walk())
    return Row(
        start=root.start,
        finish=root.finish,
        currency=root.currency,
        totals=_units(root.totals),
        elsewhere={currency: amount for currency, amount in _units(root.elsewhere).items() if amount},
        event_count=root.event_count,
        elsewhere_count=root.elsewhere_count,
        unpriced_count=root.unpriced_count,
        elsewhere_unpriced_count=root.elsewhere_unpriced_count,
        products=_products(nodes, catalog),
        problems=sorted(tree.problems),
        unlinked=("unlinked", *root.key) in tree.problems,
        open_start=max([node.start for node in nodes if node.start and _is_open(node, catalog)], default=None),
        changed=max(received[node.key] for node in nodes if node.key in received) if received else None,
    )


def _is_open(node: ModelNode, catalog: Catalog) -> bool:
    return node.finish is None and bool(catalog.types[node.key.type].finish_fields)


def _products(nodes: list[ModelNode], catalog: Catalog) -> list[tuple[str, str, int, int]]:
    product_of = {node.key: catalog.types[node.key.type].product for node in nodes}
    rows = []
    for product, currency in {(product_of[node.key], node.currency) for node in nodes}:
        of_kind = [node for node in nodes if (product_of[node.key], node.currency) == (product, currency)]
        amount = add([{"sum": node.cost} for node in of_kind if node.cost is not None]).get("sum", Decimal(0))
        rows.append((product, currency, units(amount), len(of_kind)))
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def _units(amounts: Mapping[str, Decimal]) -> dict[str, int]:
    return {currency: units(amount) for currency, amount in amounts.items()}


def held(model: Model) -> dict[Key, list[tuple[str, str]]]:
    """For every event, the tops of the sessions that hold it: the one it is at home in, then the others, sorted."""
    of: dict[Key, list[tuple[str, str]]] = {}
    for key in model.events():
        ancestors = _tree(model, key).ancestors
        of[key] = [ancestors[-1].parent if ancestors else key]
    for top in model.sessions():
        for node in _tree(model, top).root.walk():
            if top not in of[node.key]:
                of[node.key].append(top)
    return {key: [home, *sorted(others)] for key, (home, *others) in of.items()}


def comparable(session: Session) -> Row:
    """The same of a session of the program."""
    return Row(
        start=session.start,
        finish=session.finish,
        currency=session.currency,
        totals=session.totals,
        elsewhere=session.elsewhere,
        event_count=session.event_count,
        elsewhere_count=session.elsewhere_count,
        unpriced_count=session.unpriced_count,
        elsewhere_unpriced_count=session.elsewhere_unpriced_count,
        products=list(session.products),
        problems=sorted((problem.code, problem.record_type, problem.id) for problem in session.problems),
        unlinked=bool(session.unlinked),
        open_start=session.open_start,
        changed=session.changed,
    )
