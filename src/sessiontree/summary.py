"""What the tree of a top adds up to: the row of its session, made of the tree."""

from datetime import UTC, datetime

from sessiontree.sessions import Session, Unlinked
from sessiontree.tree import Tree

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summary(tree: Tree, as_of: datetime) -> Session:
    """The row of a top's tree."""
    root = tree.root
    problems = tuple(tree.problems)
    open_start, changed = None, _EPOCH
    for node in tree.nodes:
        record = node.record
        if record is not None and record.received is not None and record.received > changed:
            changed = record.received
        start = node.start
        if node.finish is None and start is not None and node.plan.declared.finish_fields:
            open_start = start if open_start is None or start > open_start else open_start
    return Session(
        record_type=root.name,
        id=root.id,
        start=root.start,
        finish=root.finish,
        currency=root.currency,
        totals=root.totals,
        elsewhere={currency: amount for currency, amount in root.away_totals.items() if amount},
        event_count=root.event_count,
        elsewhere_count=root.away_count,
        unpriced_count=root.unpriced_count,
        elsewhere_unpriced_count=root.away_unpriced_count,
        products=tuple(tree.by_product()),
        problems=problems,
        unlinked=_unlinked(tree),
        open_start=open_start,
        changed=changed,
        as_of=as_of,
    )


def _unlinked(tree: Tree) -> Unlinked:
    if all(problem.code != "unlinked" for problem in tree.problems):
        return Unlinked.NO
    record = tree.root.record
    return Unlinked.NO_SUCH_PARENT if record is not None and any(record.refs) else Unlinked.NULL_LINK
