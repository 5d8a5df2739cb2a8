"""Filtering the tree of a session: which events a reader's words mean, and the events that lead to those."""

from sessiontree.pages.record_values import texts
from sessiontree.placement import Node
from sessiontree.tree import Tree

WORDS_CHARS_MAX = 200


def matches(tree: Tree, words: str) -> set[Node]:
    """The events that have each of the words in their type, id, product, or the values of their record."""
    wanted = words.casefold().split()
    return {node for node in tree.nodes if _has_all(node, wanted)}


def with_ways(tree: Tree, matched: set[Node]) -> set[Node]:
    """The events, and all those above them."""
    visible = {tree.root}
    for node in matched:
        while node not in visible:
            visible.add(node)
            assert node.link is not None, "every event of the tree hangs on its root"
            node = node.link.parent
    return visible


def _has_all(node: Node, wanted: list[str]) -> bool:
    names = f"{node.name} {node.id} {node.plan.declared.product}".casefold()
    left = [word for word in wanted if word not in names]
    if not left or node.record is None:
        return not left
    values = " ".join(texts(node.record.body).values()).casefold()
    return all(word in values for word in left)
