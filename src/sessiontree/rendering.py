"""From a session tree to the API's answer about it, cut to the depth asked for; the shapes are in `wire`."""

from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw

from sessiontree import money
from sessiontree.placement import Link, Node
from sessiontree.tree import Tree
from sessiontree.wire import (
    Ancestor,
    EventCost,
    EventNode,
    Hidden,
    Money,
    NodeLinks,
    NodeRelationship,
    OtherEvent,
    ProblemReport,
    ProductCost,
    SessionAnalysis,
    SessionMeta,
    TotalCost,
    ViaFields,
)

_encode = msgspec.json.Encoder().encode
_EMPTY = Raw(b"{}")
_link_starts: dict[str, tuple[str, str]] = {}  # by record type


def session_json(tree: Tree, *, depth_max: int | None, records: bool, now: datetime) -> bytes:
    """The answer about a tree as JSON, cut `depth_max` levels below its root (None: whole)."""
    return _encode(session(tree, depth_max=depth_max, records=records, now=now))


def session(tree: Tree, *, depth_max: int | None, records: bool, now: datetime) -> SessionAnalysis:
    """The answer about a tree, cut `depth_max` levels below its root (None: whole); `records` sends them too.

    `now` decides whether an unfinished session is still in progress.
    """
    root = tree.root
    shown = _shown(tree, depth_max)
    sent: dict[Node, EventNode] = {}
    for node in reversed(shown):
        children = [sent.pop(child) for child in node.children] if node.children and node.children[0] in sent else []
        sent[node] = _event_node(node, children, is_root=node is root, records=records)
    is_open = tree.is_open(now)
    return SessionAnalysis(
        session_id=root.id,
        status="in_progress" if is_open else "completed",
        created_at=tree.created_at(),
        completed_at=None if is_open else tree.completed_at(),
        cost=_total_cost(root),
        root=sent[root],
        ancestors=[_ancestor(link) for link in tree.ancestors],
        meta=_meta(tree, len(shown)),
    )


def _shown(tree: Tree, depth_max: int | None) -> list[Node]:
    """The events down to a depth, parents before children."""
    if depth_max is None:
        return tree.nodes
    shown = level = [tree.root]
    for _ in range(depth_max):
        level = [child for node in level if node.children for child in node.children]
        if not level:
            return tree.nodes
        shown = shown + level
    return shown


def _event_node(node: Node, children: list[EventNode], *, is_root: bool, records: bool) -> EventNode:
    declared, id, link = node.plan.declared, node.id, node.link
    relationship = None
    if link is not None and not is_root:
        via, parent = link.via, link.parent
        fields = ViaFields(via.local_field, via.parent_field)
        relationship = NodeRelationship("child_of", fields, parent.id, parent.plan.declared.name)
    if not records:
        body = _EMPTY
    elif node.record is not None:
        body = Raw(node.record.body)
    else:
        body = Raw(_encode({declared.id_field: id}))
    sent = EventNode(
        id,
        declared.name,
        declared.product,
        declared.event,
        relationship,
        _event_cost(node),
        node.start,
        node.finish,
        links(declared.name, id),
        body,
        children,
    )
    if node.children and not children:
        sent.hidden = Hidden(node.event_count - 1, _hidden_cost(node))
    if relationship is not None and link is not node.home and node.home is not None:
        sent.also_in = _other(node.home.parent)
    return sent


def links(record_type: str, id: str) -> NodeLinks:
    """The links of an event."""
    starts = _link_starts.get(record_type)
    if starts is None:
        name = quote(record_type, safe="")
        starts = f"/v2/session_analysis/{name}/", f"/v2/detail_records?record_type={name}&id="
        _link_starts[record_type] = starts
    analysis, detail = starts
    value = id if id.isascii() and id.replace("-", "").isalnum() else quote(id, safe="")
    return NodeLinks(analysis + value, detail + value)


def _event_cost(node: Node) -> EventCost:
    record, totals, currency = node.record, node.totals, node.currency
    own = record.cost if record is not None else None
    text = money.text(own or 0)
    cost = EventCost(text, money.text(totals.get(currency, 0)) if node.children else text, currency, node.cost_status)
    if len(totals) > 1 or node.away_count or (node.children and _has_extras(node)):
        _add_extras(cost, node)
    return cost


def _total_cost(node: Node) -> TotalCost:
    cost = TotalCost(money.text(node.totals.get(node.currency, 0)), node.currency)
    if _has_extras(node):
        _add_extras(cost, node)
    return cost


def _has_extras(node: Node) -> bool:
    return len(node.totals) > 1 or node.away_count > 0 or (node.currency not in node.totals and bool(node.totals))


def _add_extras(cost: EventCost | TotalCost, node: Node) -> None:
    others = [currency for currency in sorted(node.totals) if currency != node.currency]
    if others:
        cost.other_currencies = [_money(node, currency) for currency in others]
    if node.away_count:
        cost.elsewhere_count = node.away_count
        elsewhere = node.away_totals.get(node.currency)
        if elsewhere:
            cost.elsewhere = money.text(elsewhere)


def _money(node: Node, currency: str) -> Money:
    elsewhere = node.away_totals.get(currency)
    return Money(money.text(node.totals[currency]), currency, money.text(elsewhere) if elsewhere else UNSET)


def _hidden_cost(node: Node) -> TotalCost:
    """What lies below a cut event: its totals without its own cost."""
    own = node.record.cost if node.record is not None else None
    below = dict(node.totals)
    if own is not None and node.record is not None and node.record.currency is not None:
        below[node.record.currency] -= own
    others = [Money(money.text(below[other]), other) for other in sorted(below) if other != node.currency]
    return TotalCost(money.text(below.get(node.currency, 0)), node.currency, others or UNSET)


def _other(node: Node) -> OtherEvent:
    return OtherEvent(node.name, node.id, links(node.name, node.id))


def _ancestor(link: Link) -> Ancestor:
    parent = link.parent
    via = ViaFields(link.via.local_field, link.via.parent_field)
    return Ancestor("parent_of", via, parent.name, parent.id, links(parent.name, parent.id))


def _meta(tree: Tree, returned: int) -> SessionMeta:
    root = tree.root
    by_product = tree.by_product()
    return SessionMeta(
        event_count=root.event_count,
        products=sorted({row[0] for row in by_product}),
        returned_event_count=returned,
        truncated=returned < root.event_count,
        unpriced_count=root.unpriced_count,
        problems=[ProblemReport(*problem) for problem in tree.problems],
        cost_by_product=[
            ProductCost(product, Money(money.text(amount), currency), count)
            for product, currency, amount, count in by_product
        ],
    )
