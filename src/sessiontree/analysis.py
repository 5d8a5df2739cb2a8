"""Session analysis: from a record type and an id to the session tree, by asking the store. Every face calls this.

Follow `Analysis.tree` to see the program: find the event, climb to the top of its session, gather what lies below,
place it, add it up. The questions go to the store level by level, as few as possible: with the children of an event
come the records that could be better parents of those children.
"""

from collections.abc import Collection

from sessiontree import tree as trees
from sessiontree.catalog import RecordType
from sessiontree.errors import EventNotFound, TreeTooLarge
from sessiontree.placement import Link, Node, ParentPlan, TypePlan, plans
from sessiontree.store import Asks, Snapshot, Store
from sessiontree.tree import Tree

EVENTS_MAX = 100_000


class Analysis:
    """Answers for one store and its catalogue. `events_max` limits the events of one tree."""

    def __init__(self, store: Store, *, events_max: int = EVENTS_MAX) -> None:
        self._store = store
        self._plans = plans(store.catalog)
        self._events_max = events_max

    def tree(self, account: str, declared: RecordType, id: str) -> Tree:
        """The tree of the event with this id (or a declared second id) and everything below it, placed and added up.

        Raises EventNotFound, and TreeTooLarge beyond the limit on events: never a part of the sum.
        """
        with self._store.snapshot(account) as snapshot:
            gathering = Gathering(snapshot, self._plans, self._events_max)
            root = gathering.locate(self._plans[declared.name], id)
            ancestors = gathering.climb(root)
            nodes = gathering.below(root)
            if ancestors and _has_visitors(nodes):
                nodes = gathering.below(ancestors[-1].parent)  # who stands where is settled in the whole session
        trees.place(nodes[0], nodes)
        nodes = trees.subtree(root)
        if root.record is None and len(nodes) == 1:
            raise EventNotFound(declared.name, id)
        trees.roll_up(nodes)
        return Tree(root, nodes, ancestors, trees.problems(nodes))


def _has_visitors(nodes: list[Node]) -> bool:
    """Whether an event below the first is at home elsewhere."""
    inside = set(nodes)
    return any(node.home is not None and node.home.parent not in inside for node in nodes[1:])


class Gathering:
    """The events fetched for one answer, and the links between them."""

    def __init__(self, snapshot: Snapshot, plans: dict[str, TypePlan], events_max: int) -> None:
        self._snapshot = snapshot
        self._plans = plans
        self._events_max = events_max
        self._nodes: dict[tuple[str, str], Node] = {}
        self._by_key: dict[str, list[Node]] = {}
        self._asked = Asks(set(), set(), set())
        self._below: dict[Node, list[Node]] = {}

    def locate(self, plan: TypePlan, id: str) -> Node:
        """The event of this type and id: its own id first, then a declared second id (the earliest start)."""
        declared = plan.declared
        asks = Asks({(declared.name, id)}, set(), set())
        if declared.second_id_fields:
            asks.keys.add(id)
        if declared.virtual:
            asks.refs.add(id)
        self._fetch(asks)
        found = self._nodes.get((declared.name, id))
        if found is None and declared.virtual:
            found = self._virtual(plan, id)
        if found is None and declared.second_id_fields:
            named = [node for node in self._by_key.get(id, ()) if node.plan is plan and _has_second_id(node, id)]
            found = min(named, key=lambda node: node.order, default=None)
        if found is None:
            raise EventNotFound(declared.name, id)
        return found

    def _virtual(self, plan: TypePlan, id: str) -> Node:
        identity = (plan.declared.name, id)
        node = self._nodes.get(identity)
        if node is None:
            node = self._nodes[identity] = Node(plan, id, None)
        return node

    def _fetch(self, asks: Asks) -> list[Node]:
        """Ask the store for what was not asked yet; of the events found, those whose parents are not worked out."""
        asks.keys.difference_update(self._asked.keys)
        asks.refs.difference_update(self._asked.refs)
        if not any(asks):
            return []
        self._asked.keys.update(asks.keys)
        self._asked.refs.update(asks.refs)
        found = []
        for record in self._snapshot.find(asks):
            identity = (record.record_type, record.id)
            node = self._nodes.get(identity)
            if node is None:
                node = self._nodes[identity] = Node(self._plans[record.record_type], record.id, record)
            elif node.record is None:  # a virtual event met before the record that was sent for it
                node.learn(record)
            elif node.parents is None:
                found.append(node)  # known only as somebody's possible parent so far
                continue
            else:
                continue
            for key in node.keys:
                if key is not None:
                    named = self._by_key.setdefault(key, [])
                    if not named or named[-1] is not node:
                        named.append(node)
            found.append(node)
        if len(self._nodes) > 2 * self._events_max + 1000:  # those in the tree are counted exactly, later
            raise TreeTooLarge(self._events_max)
        return found

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
        if node.plan.declared.virtual and node.plan.parents and node.record is None:
            self._fetch(Asks({node.identity}, set(), set()))
        if not self._resolve(node):
            self._fetch(Asks(set(), set(self._checks(node)), set()))
            self._resolve(node)
        return node.home

    def _resolve(self, node: Node) -> bool:
        """Work out the parents of an event, unless records are needed that were not asked for yet (see `_checks`)."""
        if node.parents is not None:
            return True
        record = node.record
        node.parents = []
        if record is None:
            return True
        refs = record.refs
        for at in node.plan.checks:
            if (ref := refs[at]) is not None and ref not in self._asked.keys:
                node.parents = None
                return False
        for plan in node.plan.parents:
            link = self._link(node, plan, refs)
            if link is not None:
                node.parents.append(link)
                self._below.setdefault(link.parent, []).append(node)
        return True

    def _checks(self, node: Node) -> list[str]:
        """The keys to ask for before the parents of an event are known: each value by which it may have one."""
        refs = node.record.refs if node.record is not None else ()
        return [ref for at in node.plan.checks if (ref := refs[at]) is not None]

    def _link(self, child: Node, plan: ParentPlan, refs: tuple[str | None, ...]) -> Link | None:
        """The child's link to its parent of one type: the first field pair for which a parent exists decides."""
        missed = None
        for via in plan.vias:
            value = refs[via.ref]
            if value is None:
                continue
            if plan.virtual:
                parent = self._virtual(self._plans[plan.name], value)
                return None if parent is child else Link(parent, plan.relationship, via.via)
            found = [
                node
                for node in self._by_key.get(value, ())
                if node.plan.declared.name == plan.name and node.keys[via.key] == value and node is not child
            ]
            if found:
                if len(found) > 1:
                    text = f"{len(found)} {plan.name} events have its {via.via.local_field}; the earliest is its parent"
                    child.problem("several_parents", text)
                if missed is not None:
                    text = f"its {missed.local_field} found no {plan.name}; it is linked by {via.via.local_field}"
                    child.problem("fallback_link", text)
                return Link(min(found, key=lambda node: node.order), plan.relationship, via.via)
            missed = missed or via.via
        return None

    def below(self, top: Node) -> list[Node]:
        """The top and every event below it, by any link (`tree.members`)."""
        placed: set[Node] = set()
        asks = Asks(set(), set(), set())
        waiting = [node for node in self._nodes.values() if node.parents is None]
        self._place(top, placed, asks)
        while True:
            ready, waiting = waiting, []
            ready += self._fetch(asks)
            asks = Asks(set(), set(), set())
            for node in ready:
                if self._resolve(node):
                    for link in node.parents or ():
                        if link.parent in placed:
                            self._place(node, placed, asks)
                elif node.record is not None and not self._asked.refs.isdisjoint(node.record.refs):
                    waiting.append(node)
            for node in waiting:
                asks.keys.update(self._checks(node))
                if self._may_belong(node, placed):  # fetch its children along with what decides where it stands
                    self._ask_below(node, asks)
            if len(placed) > self._events_max:
                raise TreeTooLarge(self._events_max)
            if asks.keys <= self._asked.keys and asks.refs <= self._asked.refs:
                break
        self._open_circles(placed)
        return trees.members(top, self._below)

    def _place(self, node: Node, placed: set[Node], asks: Asks) -> None:
        """Let an event belong to the tree, and with it all known events below; notes what to ask for next."""
        queue = [node]
        for each in queue:
            if each not in placed:
                placed.add(each)
                if each.plan.child_keys:
                    self._ask_below(each, asks)
                    queue += [child for child in self._below.get(each, ()) if child.parents]

    def _ask_below(self, node: Node, asks: Asks) -> None:
        """Ask for the children of an event, and for other parents that those might have instead."""
        for at in node.plan.child_keys:
            value = node.keys[at]
            if value is not None:
                asks.refs.add(value)
                if not node.plan.declared.virtual:
                    asks.keys.add(value)

    def _may_belong(self, node: Node, placed: set[Node]) -> bool:
        refs = node.record.refs if node.record is not None else ()
        return any(parent in placed for ref in refs if ref is not None for parent in self._by_key.get(ref, ()))

    def _open_circles(self, placed: set[Node]) -> None:
        """Events that have a second parent may have their homes in a circle, which no climb from the root has met."""
        known: set[Node] = set()
        for node in placed:
            if node.plan.circular and node.parents and len(node.parents) > 1:
                known.update(link.parent for link in self.climb(node, known))
                known.add(node)


def _has_second_id(node: Node, id: str) -> bool:
    declared = node.plan.declared
    fields = node.plan.key_fields
    return any(fields[at] in declared.second_id_fields and key == id for at, key in enumerate(node.keys))
