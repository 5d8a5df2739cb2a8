"""The API's JSON of a session tree of any depth: the plain encoder calls itself for each level, and then gives up."""

from collections.abc import Iterator

import msgspec

from sessiontree.wire import EventNode, SessionAnalysis

_encode = msgspec.json.Encoder().encode
_ROOT = b'"root":null'
_CHILDREN = b'"children":[]'


def pieces(session: SessionAnalysis) -> Iterator[bytes]:
    """The same bytes as the plain encoder's, piece by piece. Takes the tree apart."""
    root = session.root
    session.root = None  # type: ignore[assignment]
    before, _, after = _encode(session).partition(_ROOT)  # quotes inside a JSON text are escaped: no id looks like this
    yield before + b'"root":'
    yield from _node_pieces(root)
    yield after


def _node_pieces(root: EventNode) -> Iterator[bytes]:
    waiting: list[EventNode | bytes] = [root]
    while waiting:
        each = waiting.pop()
        if isinstance(each, bytes):
            yield each
            continue
        children, each.children = each.children, []
        before, _, after = _encode(each).rpartition(_CHILDREN)  # the last one: a record before it may have the same
        yield before + b'"children":['
        waiting.append(b"]" + after)
        for at in range(len(children) - 1, -1, -1):
            waiting.append(children[at])
            if at:
                waiting.append(b",")
