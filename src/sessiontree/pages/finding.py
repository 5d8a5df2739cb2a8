"""Finding an event by any id that its record carries: its own, its session's, its conversation's, its leg's."""

from dataclasses import dataclass

from starlette.responses import Response

from sessiontree.analysis import Analysis
from sessiontree.errors import EventNotFound, TreeTooLarge
from sessiontree.http.service import Service
from sessiontree.pages import layout
from sessiontree.pages.sending import redirect
from sessiontree.pages.session_cells import event_value
from sessiontree.pages.session_details import session_path
from sessiontree.pages.visits import Visit
from sessiontree.record import Record
from sessiontree.store import Asks

FOUND_MAX = 50
"""How many events are listed when an id leads to several."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event that an id leads to, and the session that it belongs to."""

    record_type: str
    id: str
    top: str
    address: str


async def find(visit: Visit) -> Response:
    """To the session of the event with this id; a list where there are several, and a word where there is none."""
    id = (visit.parameters().text("id") or "").strip()
    if not id:
        return layout.page(visit, "find.html", title="Find a session", id="", found=[], cut=False)
    found, cut = await visit.call.service.in_thread(lambda: look(visit.call.service, visit.call.account, id))
    if len(found) == 1:
        return redirect(found[0].address)
    return layout.page(visit, "find.html", title="Find a session", id=id, found=found, cut=cut)


def look(service: Service, account: str, id: str) -> tuple[list[Found], bool]:
    """The events that an id leads to, and whether there are more: those whose own it is, else those it finds.

    A record that others refer to by this id comes before one that refers to another by it.
    """
    names = service.catalog.types.values()
    own = [(declared.name, id) for declared in names if declared.virtual]
    with_this_id = Asks({(name, id) for name in service.catalog.types}, set(), set())
    own += [(record.record_type, record.id) for record in _records(service, account, with_this_id)]
    found = _found(service, account, own)
    for asks in (Asks(set(), {id}, set()), Asks(set(), set(), {id})):
        if not found:
            records = _records(service, account, asks)
            found = _found(service, account, [(record.record_type, record.id) for record in records[: FOUND_MAX + 1]])
    return found[:FOUND_MAX], len(found) > FOUND_MAX


def _records(service: Service, account: str, asks: Asks) -> list[Record]:
    with service.store.snapshot(account) as snapshot:
        return sorted(snapshot.find(asks), key=lambda record: (record.record_type, record.id))


def _found(service: Service, account: str, events: list[tuple[str, str]]) -> list[Found]:
    found = (_place(service.analysis, service, account, event) for event in dict.fromkeys(events))
    return [each for each in found if each is not None]


def _place(analysis: Analysis, service: Service, account: str, event: tuple[str, str]) -> Found | None:
    """Where an event stands; None if there is none (any more)."""
    name, id = event
    try:
        tree = analysis.tree(account, service.catalog.types[name], id)
    except EventNotFound:
        return None
    except TreeTooLarge:  # its page says so
        return Found(name, id, name, f"/sessions/{name}/{id}")
    top = tree.ancestors[-1].parent if tree.ancestors else tree.root
    address = session_path(top) + (f"?event={event_value(tree.root)}" if tree.ancestors else "")
    place = Found(tree.root.name, tree.root.id, f"{top.name} {top.id}", address)
    tree.release()
    return place
