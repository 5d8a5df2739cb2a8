"""Gathering: fetching the events of a session from a store, level by level, with as few questions as possible.

With the children of an event come the records that could be other parents of those children, so that who belongs under
whom is settled by what is at hand. A typical call takes two questions.
"""

from collections.abc import Collection, Iterable, Sequence

from sessiontree import tree as trees
from sessiontree.errors import EventNotFound, TreeTooLarge
from sessiontree.placement import Link, Node, ParentPlan, TypePlan, by_order
from sessiontree.record import Record
from sessiontree.store import Asks, Snapshot


class Gathering:
    """The events fetched for one answer, and the links between them.

    `settled` says, after `below`, that every event stands where it was put: under its home.
    """

    def __init__(self, snapshot: Snapshot, plans: dict[str, TypePlan], events_max: int) -> None:
        self._snapshot = snapshot
        self._plans = plans
        self._events_max = events_max
        self._fetched = 0
        self._open: list[Node] = []  # fetched, their parents not worked out yet
        self._virtuals: dict[tuple[str, str], Node] = {}
        self._by_key: dict[str, list[Node]] = {}
        self._asked = Asks(set(), set(), set())
        self._below: dict[Node, list[Node]] = {}
        self.settled = True

    def locate(self, plan: TypePlan, id: str) -> Node:
        """The event of this type and id: its own id first, then a declared second id (the earliest start)."""
        declared = plan.declared
        asks = Asks({(declared.name, id)}, set(), set())
        if declared.second_id_fields:
            asks.keys.add(id)
        if declared.virtual:
            asks.refs.add(id)
        self._fetch(asks)
        for node in self._open:
            if node.id == id and node.plan is plan:
                return node
        if declared.virtual:
            return self._virtual(plan, id)
        named = [node for node in self._by_key.get(id, ()) if node.plan is plan and _has_second_id(node, id)]
        if not named:
            raise EventNotFound(declared.name, id)
        return min(named, key=by_order)

    def _virtual(self, plan: TypePlan, id: str) -> Node:
        identity = (plan.declared.name, id)
        node = self._virtuals.get(identity)
        if node is None:
            node = self._virtuals[identity] = Node(plan, id, None)
        return node

    def _fetch(self, asks: Asks) -> None:
        """Ask the store for what was not asked yet; what it finds is `_open` then."""
        asks.keys.difference_update(self._asked.keys)
        asks.refs.difference_update(self._asked.refs)
        if not any(asks):
            return
        self._asked.keys.update(asks.keys)
        self._asked.refs.update(asks.refs)
        found = self._snapshot.find(asks)
        self._fetched += len(found)
        if self._fetched > 2 * self._events_max + 1000:  # those in the tree are counted exactly, later
            raise TreeTooLarge(self._events_max)
        self._take(found)

    def _take(self, found: Iterable[Record]) -> None:
        for record in found:
            plan = self._plans[record.record_type]
            if plan.declared.virtual:
                node = self._virtual(plan, record.id)
                node.learn(record)
            else:
                node = Node(plan, record.id, record)
            self._open.append(node)
            for key in node.keys:
                if key is not None:
                    named = self._by_key.setdefault(key, [])
                    if not named or named[-1] is not node:
                        named.append(node)

    def climb(self, node: Node, known: Collection[Node] = ()) -> list[Link]:
        """The links from an event up to the top of its session, nearest first; opens a circle of homes on the way.

        Ends early at an event that is `known` to be in no circle.
        """
        path: list[Link] = []
        passed: dict[Node, int] = {node: 0}
        while node not in known and (link := self._home(node)) is not None:
            path.append(link)
            node = link.parent
            if node in passed:
                top = trees.open_circle([each for each, at in passed.items() if at >= passed[node]])
                return path[: passed[top]]
            passed[node] = len(path)
            if len(path) > self._events_max:
                raise TreeTooLarge(self._events_max)
        return path

    def _home(self, node: Node) -> Link | None:
        if node.record is None and node.plan.parents:
            self._fetch(Asks({node.identity}, set(), set()))
        while missing := self._resolve(node):
            self._fetch(Asks(set(), set(missing), set()))
        return node.home

    def _resolve(self, node: Node) -> Sequence[str]:
        """Work out the parents of an event; or else the keys that must be asked for before they are known."""
        if node.parents is not None:
            return ()
        parents: list[Link] = []
        missing: list[str] = []
        node.problems = ()
        if node.record is not None:
            refs = node.record.refs
            for plan in node.plan.parents:
                link = self._virtual_link(node, plan, refs) if plan.virtual else self._link(node, plan, refs)
                if link is None:
                    continue
                if isinstance(link, str):
                    missing.append(link)
                else:
                    parents.append(link)
        if missing:
            return missing
        node.parents = parents
        for link in parents:
            below = self._below.get(link.parent)
            if below is None:
                self._below[link.parent] = [node]
            else:
                below.append(node)
        return ()

    def _virtual_link(self, child: Node, plan: ParentPlan, refs: tuple[str | None, ...]) -> Link | None:
        """The child's link to its parent of a virtual type: the first field pair with a value decides."""
        for via in plan.vias:
            id = refs[via.ref]
            if id is not None:
                parent = self._virtuals.get((plan.name, id))
                if parent is None:
                    parent = self._virtual(self._plans[plan.name], id)
                return None if parent is child else Link(parent, plan.relationship, via.via)
        return None

    def _link(self, child: Node, plan: ParentPlan, refs: tuple[str | None, ...]) -> Link | str | None:
        """The child's link to its parent of one type: the first field pair for which a parent exists decides.

        Or else the key that must be asked for before it is known.
        """
        missed = None
        for via in plan.vias:
            value = refs[via.ref]
            if value is None:
                continue
            if value not in self._asked.keys:
                return value
            found = [
                node
                for node in self._by_key.get(value, ())
                if node.plan.declared.name == plan.name and node.keys[via.key] == value and node is not child
            ]
            if not found:
                missed = missed or via.via.local_field
                continue
            parent, local = found[0], via.via.local_field
            if len(found) > 1:
                parent = min(found, key=by_order)
                child.problem(
                    "several_parents", f"{len(found)} {plan.name} events have its {local}; the earliest is its parent"
                )
            if missed is not None:
                child.problem("fallback_link", f"its {missed} found no {plan.name}; it is linked by {local}")
            return Link(parent, plan.relationship, via.via)
        return None

    def below(self, top: Node) -> list[Node]:
        """The top and every event below it, by any link (`tree.members`), put under the first parent that was met."""
        placed: dict[Node, None] = {}
        asks = Asks(set(), set(), set())
        self._place(top, None, placed, asks)
        while True:
            self._fetch(asks)
            asks = Asks(set(), set(), set())
            ready, self._open = self._open, []
            for node in ready:
                missing = self._resolve(node)
                if missing:
                    self._open.append(node)
                    if node.record is not None and not self._asked.refs.isdisjoint(node.record.refs):
                        asks.keys.update(missing)
                    continue
                for link in node.parents or ():
                    if link.parent in placed and node not in placed:
                        self._place(node, link, placed, asks)
            for node in self._open:
                if self._may_belong(node, placed):  # fetch its children along with what decides where it stands
                    self._ask_below(node, asks)
            if len(placed) > self._events_max:
                raise TreeTooLarge(self._events_max)
            if asks.keys <= self._asked.keys and asks.refs <= self._asked.refs:
                break
        if self._open_circles(placed):
            self.settled = False
            return trees.members(top, self._below)
        return list(placed)

    def _place(self, node: Node, link: Link | None, placed: dict[Node, None], asks: Asks) -> None:
        """Put an event into the tree by a link, and with it all known events below; notes what to ask for next."""
        queue: list[tuple[Node, Link]] = []
        while True:
            if node not in placed:
                placed[node] = None
                node.link = link
                if link is not None:
                    link.parent.children.append(node)
                    if node.parents and link is not node.parents[0]:
                        self.settled = False
                if node.plan.child_keys:  # others have nothing below them
                    self._ask_below(node, asks)
                    for child in self._below.get(node, ()):
                        queue += [(child, way) for way in child.parents or () if way.parent is node]
            if not queue:
                return
            node, link = queue.pop()

    def _ask_below(self, node: Node, asks: Asks) -> None:
        """Ask for the children of an event, and for other parents that those might have instead."""
        plan = node.plan
        for at in plan.child_keys:
            value = node.keys[at]
            if value is not None:
                asks.refs.add(value)
                if at in plan.first_keys:
                    asks.keys.add(value)

    def _may_belong(self, node: Node, placed: Collection[Node]) -> bool:
        refs = node.record.refs if node.record is not None else ()
        return any(parent in placed for ref in refs if ref is not None for parent in self._by_key.get(ref, ()))

    def _open_circles(self, placed: Collection[Node]) -> bool:
        """Events that have a second parent may have their homes in a circle, which no climb from the root has met.

        Says whether there were such events.
        """
        known: set[Node] = set()
        for node in placed:
            if node.plan.circular and node.parents and len(node.parents) > 1:
                known.update(link.parent for link in self.climb(node, known))
                known.add(node)
        return bool(known)


def _has_second_id(node: Node, id: str) -> bool:
    declared = node.plan.declared
    fields = node.plan.key_fields
    return any(fields[at] in declared.second_id_fields and key == id for at, key in enumerate(node.keys))
