"""Reading the session tree that a page is about, as the API does: small ones at once, large ones in a thread."""

from collections.abc import Callable
from typing import TypeVar

from sessiontree.analysis import Analysis
from sessiontree.errors import TreeTooLarge, UnknownRecordType
from sessiontree.http.refusals import BAD_ID, NOT_FOUND, RequestError
from sessiontree.http.routes import Call
from sessiontree.record import valid_id
from sessiontree.tree import Tree

T = TypeVar("T")


async def with_tree(call: Call, work: Callable[[Tree], T]) -> T:
    """What the work makes of the tree that the path names; it may not keep the tree.

    Raises EventNotFound, TreeTooLarge, and RequestError for a path that can name no event.
    """
    service, (name, event_id) = call.service, call.names
    try:
        declared = service.catalog.resolve(name)
    except UnknownRecordType as error:
        raise RequestError(404, NOT_FOUND, str(error)) from None
    if not valid_id(event_id):
        raise RequestError(404, BAD_ID, "an id is 1 to 255 printable characters without /")

    def answer(analysis: Analysis) -> T:
        tree = analysis.tree(call.account, declared, event_id)
        try:
            return work(tree)
        finally:
            tree.release()

    try:
        return await service.short_read(lambda: answer(service.quick_analysis))
    except TreeTooLarge:
        return await service.in_thread(lambda: answer(service.analysis))
