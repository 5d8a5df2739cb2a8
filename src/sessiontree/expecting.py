"""Expected children that are absent: where the catalogue says that a record of a type always has others below it.

An assistant that was billed for minutes has asked its model at least once. Where not one such record has a link to it,
some have not arrived, or name another conversation, and the total is too low.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from sessiontree.placement import Node, Problem
from sessiontree.record import Record


def missing_children(nodes: Sequence[Node], events: Sequence[Node]) -> list[Problem]:
    """A problem for each kind of children that one of the nodes should have and has none of.

    `events` are all that have a link to any of the nodes, wherever they stand. Before a record has its finish nothing
    is missing.
    """
    childless = [
        (node, expected)
        for node in nodes
        if node.finish is not None
        for expected in node.plan.declared.expects
        if not any(child.name == expected.child for child in node.children)
    ]
    if not childless:
        return []
    linked = {(link.parent, event.name) for event in events for link in event.parents or ()}
    found = []
    for node, expected in childless:
        if (node, expected.child) not in linked and node.record and _above_zero(node.record, expected.field):
            text = f"no {expected.child} below it, although its {expected.field} is above 0"
            found.append(Problem("missing_children", text, node.name, node.id))
    return found


def _above_zero(record: Record, field: str) -> bool:
    """Whether a field of the record is a number, or a decimal in text, above zero."""
    raw = bytes(msgspec.json.decode(record.body, type=dict[str, msgspec.Raw]).get(field, b"null"))
    text = str(msgspec.json.decode(raw)) if raw[:1] == b'"' else raw.decode()
    try:
        return Decimal(text) > 0
    except InvalidOperation:
        return False
