"""The page of one session: figures, the tree with costs and times, and one event in detail.

Its parts have addresses of their own, for its script: the rows below an event or of a filter (`rows`), and the details
of an event (`details`). Everything can also be read without a script, by the addresses of the links.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from starlette.responses import Response

from sessiontree import rendering
from sessiontree.cli.deep_json import pieces
from sessiontree.export import Export
from sessiontree.http.export_parameters import tree_form
from sessiontree.http.refusals import BAD_REQUEST, NOT_FOUND, RequestError
from sessiontree.pages import layout
from sessiontree.pages.axis import axis_of
from sessiontree.pages.sending import answer, own_address, redirect
from sessiontree.pages.session_cells import Addresses, Cells, Painter
from sessiontree.pages.session_details import Details, details, session_path
from sessiontree.pages.session_filter import WORDS_CHARS_MAX, matches, with_ways
from sessiontree.pages.session_rows import SORTS, Outline, piece_from
from sessiontree.pages.session_summary import summary
from sessiontree.pages.shown import events
from sessiontree.pages.trees import with_tree
from sessiontree.pages.visits import Visit
from sessiontree.placement import Node
from sessiontree.tree import Tree

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
NOT_THERE = "There is no event {} in this session"
PROBLEMS_MAX = 20
"""How many problems stand above the tree; the JSON has all of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the reader wants the tree: its order, the words of the filter, the event in detail, an open group."""

    sort: str
    words: str
    event: str | None
    open: str | None
    first: int
    expanded: bool = False

    @property
    def kept(self) -> str:
        """What the links of the page keep of the query."""
        sort = f"sort={self.sort}&" if self.sort != SORTS[0] else ""
        return sort + (f"filter={quote(self.words, safe='')}&" if self.words else "")


def _asked(visit: Visit) -> Asked:
    parameters = visit.parameters()
    words = parameters.text("filter") or ""
    if len(words) > WORDS_CHARS_MAX:
        raise RequestError(400, BAD_REQUEST, f"a filter has at most {WORDS_CHARS_MAX} characters", parameter="filter")
    return Asked(
        parameters.choice("sort", SORTS[0], SORTS),
        words.strip(),
        parameters.text("event"),
        parameters.text("open"),
        parameters.integer("first", 0, low=0),
        parameters.boolean("expanded", False),
    )


async def session_page(visit: Visit) -> Response:
    """The page; `format` gives its JSON instead."""
    if visit.parameters().text("format") is not None:
        return await _file(visit)
    asked = _asked(visit)
    return await with_tree(visit.call, lambda tree: _page(visit, tree, asked))


async def _file(visit: Visit) -> Response:
    """The session as the API gives it, in one of its formats: JSON down to the last level, or rows to keep."""
    call = visit.call
    form = await call.service.short_read(lambda: tree_form(visit.parameters(), call.service.store, call.account))

    def write(tree: Tree) -> Response:
        if form is None:
            session = rendering.session(tree, depth_max=None, records=True, now=datetime.now(UTC))
            return answer(call.scope, b"".join(pieces(session)), media_type="application/json")
        name = f"{tree.root.name}-{_UNSAFE.sub('_', tree.root.id)[:80]}.{form.suffix}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        body = b"".join(Export(form).chunks([tree]))
        return answer(call.scope, body, media_type=form.media_type, headers=headers)

    return await with_tree(call, write)


def _page(visit: Visit, tree: Tree, asked: Asked) -> Response:
    path = session_path(tree.root)
    if tuple(visit.call.names) != tree.root.identity:  # an alias, or a second id
        query = visit.call.scope["query_string"].decode("latin-1")
        return redirect(path + ("?" + query if query else ""))
    now = datetime.now(UTC)
    drawing = Drawing(tree, asked, path, now)
    selected, missing = drawing.selected()
    rows = drawing.rows(selected)
    return layout.page(
        visit,
        "session.html",
        title=f"{tree.root.name} {tree.root.id}",
        json=f"{path}?format=json",
        root=tree.root,
        ancestors=[(link.parent, session_path(link.parent)) for link in reversed(tree.ancestors)],
        summary=summary(tree, now, settle_for=timedelta(minutes=visit.call.service.settings.settle_minutes)),
        problem_count=len(tree.problems),
        problems=[
            (problem, drawing.problem_at(problem.record_type, problem.id)) for problem in tree.problems[:PROBLEMS_MAX]
        ],
        axis=drawing.axis,
        rows=rows,
        found=drawing.found(rows),
        asked=asked,
        details=drawing.details(visit, selected),
        selected=f"{selected.name}/{selected.id}",
        missing=missing,
        path=path,
        curl=_curl(visit, tree.root),
    )


async def session_rows(visit: Visit) -> Response:
    """Rows for the page's script: those below an event (`under`), a piece of a group, or all of a filter or order.

    With `expanded` all are open for which there is room.
    """
    asked, parameters = _asked(visit), visit.parameters()
    under, group = parameters.text("under"), parameters.text("group")

    def rows(tree: Tree) -> Response:
        drawing = Drawing(tree, asked, session_path(tree.root), datetime.now(UTC))
        cells = drawing.rows(drawing.selected()[0]) if under is None else drawing.rows_under(under, group)
        found = drawing.found(cells) if under is None else ""
        return layout.fragment(visit, "session-rows.html", rows=cells, selected=asked.event, found=found)

    return await with_tree(visit.call, rows)


async def session_details(visit: Visit) -> Response:
    """The details of one event, for the page's script."""
    asked = _asked(visit)

    def show(tree: Tree) -> Response:
        drawing = Drawing(tree, asked, session_path(tree.root), datetime.now(UTC))
        selected, missing = drawing.selected()
        if missing:
            raise RequestError(404, NOT_FOUND, missing)
        return layout.fragment(visit, "session-details.html", details=drawing.details(visit, selected), root=tree.root)

    return await with_tree(visit.call, show)


class Drawing:
    """One tree as a reader asked for it, at one moment."""

    def __init__(self, tree: Tree, asked: Asked, path: str, now: datetime) -> None:
        self.tree = tree
        self.asked = asked
        self.axis = axis_of(tree, now, going=tree.is_open(now))
        self.addresses = Addresses(path, asked.kept)
        matched = matches(tree, asked.words) if asked.words else None
        self._matched_count = None if matched is None else len(matched)
        self._visible = None if matched is None else with_ways(tree, matched)
        self._painter = Painter(tree, self.axis, self.addresses, now=now, matched=matched)

    def selected(self) -> tuple[Node, str]:
        """The event that was asked for, or the root; and what to say if it is not there."""
        if self.asked.event is None:
            return self.tree.root, ""
        node = self.find(self.asked.event)
        return (self.tree.root, NOT_THERE.format(self.asked.event) + ".") if node is None else (node, "")

    def find(self, value: str) -> Node | None:
        """The event of this type and id, as an address has them."""
        name, _, id = value.partition("/")
        return self._event(name, id)

    def _event(self, name: str, id: str) -> Node | None:
        return next((node for node in self.tree.nodes if node.id == id and node.name == name), None)

    def problem_at(self, record_type: str, id: str) -> str:
        """The page with the details of an event that has a problem."""
        node = self._event(record_type, id)
        return "" if node is None else self.addresses.event(node)

    def rows(self, selected: Node) -> list[Cells]:
        """The rows of the whole tree, down to where more is loaded when it is opened."""
        outline = Outline(self.tree, sort=self.asked.sort, visible=self._visible, expanded=self.asked.expanded)
        openings = outline.openings_to(selected) if self._visible is None else {}
        parent, _, group = (self.asked.open or "").rpartition("/")
        node = self.find(parent)
        if node is not None and self._visible is None and outline.group(node, group) is not None:
            openings[node, group] = piece_from(self.asked.first)
        return self._painter.cells(outline.whole(selected, openings))

    def found(self, cells: Sequence[Cells]) -> str:
        """How many events a filter finds, or are open where not all could be; empty where there is nothing to say."""
        every, matched = self.tree.root.event_count, self._matched_count
        shown = sum(each.kind == "event" and not each.dim for each in cells)
        if matched is not None:
            return f"{matched:,} of {events(every)}" + (f", the first {shown:,} shown" if shown < matched else "")
        if self.asked.expanded and shown < every:
            return f"{shown:,} of {events(every)} are open; open the others one by one"
        return ""

    def rows_under(self, value: str, record_type: str | None) -> list[Cells]:
        """The rows below an event, or a piece of those of a group of its children; a filter does not count here."""
        outline = Outline(self.tree, sort=self.asked.sort)
        node = self.find(value)
        if node is None:
            raise RequestError(404, NOT_FOUND, NOT_THERE.format(value))
        if record_type is None:
            return self._painter.cells(outline.under(node))
        group = outline.group(node, record_type)
        return self._painter.cells(outline.within(group, self.asked.first) if group is not None else [])

    def details(self, visit: Visit, node: Node) -> Details:
        """The details of an event."""
        call = visit.call
        return details(node, self.tree, store=call.service.store, account=call.account, addresses=self.addresses)


def _curl(visit: Visit, root: Node) -> str:
    """A command that asks the API for this session; the key goes into $KEY first."""
    url = f"{own_address(visit.call.scope)}{rendering.links(root.name, root.id).self}?max_depth=5"
    return f'curl -H "Authorization: Bearer $KEY" {shlex.quote(url)}'
