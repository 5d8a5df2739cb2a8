"""The page of imports: what came in, from where, and taking one back after seeing what would go.

Undoing goes the way of `POST /v2/imports/{id}/undo`.
"""

from collections.abc import Sequence

from markupsafe import Markup
from starlette.responses import Response

from sessiontree import money
from sessiontree.http.imports import SOURCE, import_answer, imports_of, intake_of, previewed, undone
from sessiontree.http.routes import JSON, encode
from sessiontree.pages import layout, shown
from sessiontree.pages.addresses import address_of
from sessiontree.pages.sending import answer, own_address, redirect
from sessiontree.pages.visits import Visit
from sessiontree.store.intakes import FILE, HTTP
from sessiontree.wire import Money

PATH = "/imports"
LARGE_RECORDS = 50_000
"""From here on the page says beforehand that undoing takes a while."""
_FORMATS = ("html", "json")
_SAYS = {
    "unfinished": "Not all of it has been read: it is under way, or was stopped or broke off",
    "rejected": "Every record was rejected: nothing is stored",
}
_SOURCES = {None: "All", FILE: "Files", HTTP: "Requests"}


async def imports(visit: Visit) -> Response:
    """Import runs and ingest requests, the latest first; `format=json` gives them as the API does."""
    parameters = visit.parameters()
    found = await imports_of(visit.call, parameters)
    if parameters.choice("format", _FORMATS[0], _FORMATS) == "json":
        return answer(visit.call.scope, encode(found), media_type=JSON)
    at = address_of(PATH, parameters)
    done = parameters.text("undone")
    return layout.page(
        visit,
        "imports.html",
        title="Imports",
        address=own_address(visit.call.scope),
        json=at.here(format="json", undone=None),
        imports=found.data,
        sources=[(title, at.but({SOURCE: source}, undone=None), source) for source, title in _SOURCES.items()],
        source=at.given.get(SOURCE),
        says=_SAYS,
        undone=next((each for each in found.data if each.id == done and each.undone_at is not None), None),
        first=at.but(undone=None) if "cursor" in at.given else "",
        next=at.here(cursor=found.meta.next_cursor, undone=None) if found.meta.next_cursor else "",
    )


async def undoing(visit: Visit) -> Response:
    """What undoing an import would take away, and the question whether to do it."""
    id = visit.call.names[0]
    intake = await intake_of(visit.call, id)
    preview = None if intake.is_over else await previewed(visit.call, id)
    return layout.page(
        visit,
        "import-undo.html",
        title=f"Undo {intake.source}",
        json=f"{PATH}?format=json",
        intake=import_answer(intake),
        preview=preview,
        gone=[] if preview is None else _amounts(preview.cost),
        large=preview is not None and preview.records_removed + preview.records_restored > LARGE_RECORDS,
    )


async def undo(visit: Visit) -> Response:
    """Undo the import."""
    done = await undone(visit.call, visit.call.names[0])
    return redirect(f"{PATH}?undone={done.import_id}")


def _amounts(amounts: Sequence[Money]) -> list[Markup]:
    return [shown.amount(money.read(each.total), each.currency) for each in amounts]
