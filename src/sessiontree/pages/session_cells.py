"""What stands in each row of a session's tree: names, amounts, bars and addresses, ready to be shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from sessiontree import money
from sessiontree.pages import shown
from sessiontree.pages.axis import Axis, Bar
from sessiontree.pages.session_rows import Group, More, Row
from sessiontree.placement import Node
from sessiontree.tree import Tree

NOTE_CHARS_MAX = 60


class _Remarks(msgspec.Struct):
    """Fields of a record that tell it from its siblings, the best first."""

    model: object = None
    llm_model: object = None
    direction: object = None
    provider: object = None
    model_name: object = None


_remarks = msgspec.json.Decoder(_Remarks).decode


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a session's page are: `path` is the page's, `kept` what its links keep of the query."""

    path: str
    kept: str = ""

    def event(self, node: Node) -> str:
        """The page with an event's details."""
        return f"{self.path}?{self.kept}event={event_value(node)}"

    def rows(self, node: Node, group: str = "", first: int = 0) -> str:
        """The rows below an event, or of a group of its children."""
        more = f"&group={quote(group, safe='')}&first={first}" if group else ""
        return f"{self.path}/rows?{self.kept}under={event_value(node)}{more}"

    def opened(self, node: Node, group: str, first: int) -> str:
        """The page with a group open, for readers without scripts."""
        return f"{self.path}?{self.kept}open={event_value(node)}/{quote(group, safe='')}&first={first}"


@dataclass(frozen=True, slots=True)
class Cells:
    """A row as it is shown. `href` leads to the same without scripts; `load` to what is below, not sent yet."""

    kind: str  # event, group, more
    row: Row
    name: str
    href: str
    load: str
    event: str = ""
    note: str = ""
    below: int = 0
    color: int = 0
    own: Markup | str = ""
    status: str = ""
    total: Markup | str = ""
    others: tuple[Markup, ...] = ()
    own_width: float = 0.0
    total_width: float = 0.0
    bar: Bar | None = None
    container: bool = False
    remarks: tuple[str, ...] = ()
    dim: bool = False


def event_value(node: Node) -> str:
    """An event as a value in an address: its type and id."""
    return f"{quote(node.name, safe='')}/{quote(node.id, safe='')}"


class Painter:
    """Makes cells of rows; `matched` are the events that a filter looks for (None: all)."""

    def __init__(
        self, tree: Tree, axis: Axis, addresses: Addresses, *, now: datetime, matched: set[Node] | None
    ) -> None:
        self._tree = tree
        self._axis = axis
        self._addresses = addresses
        self._since = now - tree.open_for
        self._matched = matched
        self._troubled = {(problem.record_type, problem.id) for problem in tree.problems}

    def cells(self, rows: Iterable[Row]) -> list[Cells]:
        """The rows as they are shown."""
        return [self._one(row) for row in rows]

    def _one(self, row: Row) -> Cells:
        if isinstance(row.entry, More):
            return self._more(row, row.entry)
        if isinstance(row.entry, Group):
            return self._group(row, row.entry)
        return self._event(row, row.entry)

    def _event(self, row: Row, node: Node) -> Cells:
        declared, record = node.plan.declared, node.record
        own = record.cost if record is not None else None
        status = node.cost_status
        total = node.totals.get(node.currency, 0)
        whole = self._tree.root.totals.get(node.currency, 0)
        return Cells(
            "event",
            row,
            node.name,
            self._addresses.event(node),
            self._addresses.rows(node) if row.state == "closed" else "",
            event=f"{node.name}/{node.id}",
            note=note(node),
            below=node.event_count - 1,
            color=shown.color(declared.product),
            own="unpriced" if status == "unpriced" else shown.amount(own or 0, node.currency),
            status=status,
            total=shown.amount(total, node.currency),
            others=other_amounts(node.totals, node.currency),
            own_width=shown.width(own or 0, whole),
            total_width=shown.width(total, whole),
            bar=self._axis.bar(node.start, node.finish, going=self.is_going(node)),
            container=declared.virtual,
            remarks=tuple(self._remarks(node)),
            dim=self._matched is not None and node not in self._matched,
        )

    def is_going(self, node: Node) -> bool:
        """Whether an event has begun, should finish, and has not."""
        start = node.start
        return (
            node.finish is None and start is not None and start > self._since and bool(node.plan.declared.finish_fields)
        )

    def _remarks(self, node: Node) -> Iterable[str]:
        if node is not self._tree.root and node.home is not None and node.link is not node.home:
            yield "elsewhere"
        unpriced = node.unpriced_count - (node.cost_status == "unpriced")
        if node.children and unpriced:
            yield f"{unpriced:,} unpriced"
        if node.identity in self._troubled:
            yield "problem"

    def _group(self, row: Row, group: Group) -> Cells:
        parent, members = group.parent, group.members
        currency, own = group.currency, 0
        for node in members:
            if node.record is not None and node.record.currency == currency:
                own += node.record.cost or 0
        whole, total = self._tree.root.totals.get(currency, 0), group.totals.get(currency, 0)
        starts = [node.start for node in members if node.start is not None]
        ends = [moment for node in members for moment in (node.start, node.finish) if moment is not None]
        unpriced = sum(node.unpriced_count for node in members)
        return Cells(
            "group",
            row,
            group.record_type,
            self._addresses.opened(parent, group.record_type, 0),
            self._addresses.rows(parent, group.record_type) if row.state == "closed" else "",
            note=f"× {len(members):,}",  # noqa: RUF001 (the sign for so many times)
            below=group.event_count - len(members),
            color=shown.color(members[0].plan.declared.product),
            own=shown.amount(own, currency),
            status="rated",
            total=shown.amount(total, currency),
            others=other_amounts(group.totals, currency),
            own_width=shown.width(own, whole),
            total_width=shown.width(total, whole),
            bar=self._axis.bar(min(starts), max(ends), going=False) if starts else None,
            container=True,
            remarks=(f"{unpriced:,} unpriced",) if unpriced else (),
        )

    def _more(self, row: Row, more: More) -> Cells:
        group = more.group
        return Cells(
            "more",
            row,
            f"{more.count:,} {'before' if more.before else 'more'}",
            self._addresses.opened(group.parent, group.record_type, more.first),
            self._addresses.rows(group.parent, group.record_type, more.first) if not more.before else "",
        )


def other_amounts(totals: money.Totals, currency: str) -> tuple[Markup, ...]:
    """What there is in other currencies than this one."""
    if len(totals) <= 1 and currency in totals:
        return ()
    return tuple(shown.amount(totals[code], code) for code in sorted(totals) if code != currency)


def note(node: Node) -> str:
    """A word that tells an event from its siblings, such as the model that it used; empty if none is at hand."""
    if node.record is None:
        return ""
    try:
        remarks = _remarks(node.record.body)
    except msgspec.MsgspecError:
        return ""
    for value in (remarks.model, remarks.llm_model, remarks.direction, remarks.provider, remarks.model_name):
        if isinstance(value, str) and value:
            text = value.rpartition("/")[2] or value
            return text if len(text) <= NOTE_CHARS_MAX else text[:NOTE_CHARS_MAX] + "…"
    return ""
