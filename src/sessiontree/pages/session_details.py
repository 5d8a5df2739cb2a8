"""One event of a session in full: its costs, how it belongs to its parent, its record, and what that was before."""

from dataclasses import dataclass

from markupsafe import Markup

from sessiontree.pages import shown
from sessiontree.pages.addresses import path_of
from sessiontree.pages.record_values import FIELDS_MAX, JSON_BYTES_MAX, Receipt, Value, receipts, values
from sessiontree.pages.session_cells import Addresses, other_amounts
from sessiontree.placement import Link, Node
from sessiontree.rendering import links
from sessiontree.store import Store
from sessiontree.tree import Tree


@dataclass(frozen=True, slots=True)
class Details:
    """What the details pane shows of an event."""

    node: Node
    color: int
    own: Markup
    status: str
    total: Markup
    others: tuple[Markup, ...]
    link: Link | None
    parent_at: str
    home: Node | None
    home_at: str
    fields: list[Value]
    fields_left: int
    body: str
    receipts: list[Receipt]
    problems: list[str]
    api: str


def details(node: Node, tree: Tree, *, store: Store, account: str, addresses: Addresses) -> Details:
    """The details of an event of a tree."""
    declared, record = node.plan.declared, node.record
    own = record.cost if record is not None else None
    link = node.link if node is not tree.root else tree.ancestors[0] if tree.ancestors else None
    away = link is not None and node is not tree.root and link is not node.home
    home = node.home.parent if away and node.home is not None else None
    fields = list(values(record.body)) if record is not None else []
    parent_at = ""
    if link is not None:
        parent_at = addresses.event(link.parent) if node is not tree.root else session_path(link.parent)
    return Details(
        node=node,
        color=shown.color(declared.product),
        own=shown.amount(own or 0, node.currency),
        status=node.cost_status,
        total=shown.amount(node.totals.get(node.currency, 0), node.currency),
        others=other_amounts(node.totals, node.currency),
        link=link,
        parent_at=parent_at,
        home=home,
        home_at=session_path(home) if home is not None else "",
        fields=fields[:FIELDS_MAX],
        fields_left=max(0, len(fields) - FIELDS_MAX),
        body=_body(node),
        receipts=receipts(store.history(account, *node.identity)) if record is not None else [],
        problems=[problem.message for problem in tree.problems if (problem.record_type, problem.id) == node.identity],
        api=links(node.name, node.id).self,
    )


def session_path(node: Node) -> str:
    """The page of the session below an event."""
    return path_of(node.name, node.id)


def _body(node: Node) -> str:
    if node.record is None or len(node.record.body) > JSON_BYTES_MAX:
        return ""
    return node.record.body.decode("utf-8", "replace")
