"""Taking things back over HTTP: the list of imports, undoing one, deleting a session.

All of it is written by the thread that writes, in steps that take their turns with ingest.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from sessiontree import money
from sessiontree.http import import_answers as answers
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import BAD_REQUEST, NOT_FOUND, RequestError
from sessiontree.http.routes import Call, json_answer
from sessiontree.http.service import Service
from sessiontree.store import refuse_disputed
from sessiontree.store.intakes import SOURCES, Intake, UnknownIntake, number_of
from sessiontree.store.removing import NotFresh, Removal, together
from sessiontree.taking_back import FRESH_SECONDS_MAX
from sessiontree.wire import Money

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
SOURCE = "filter[source]"
T = TypeVar("T")


async def list_imports(call: Call) -> Response:
    """Import runs and ingest requests, the latest first."""
    return json_answer(await imports_of(call, call.parameters()))


async def imports_of(call: Call, parameters: Parameters) -> answers.Imports:
    """The imports that the parameters ask for."""
    service, account = call.service, call.account
    limit = parameters.integer("limit", LIMIT_DEFAULT, low=1, high=LIMIT_MAX)
    cursor = parameters.text("cursor")
    if cursor is not None and number_of(cursor) is None:
        text = "cursor is not one that a page of imports ended with; leave it out to begin with the latest"
        raise RequestError(400, BAD_REQUEST, text, parameter="cursor")
    source = parameters.choice(SOURCE, "", SOURCES) or None
    page = partial(service.store.intakes.page, account, limit=limit + 1, before=cursor, source=source)
    found = await service.in_thread(page)
    following = found[limit - 1].id if len(found) > limit else None
    return answers.Imports([import_answer(each) for each in found[:limit]], answers.ImportsMeta(following))


async def undo_import(call: Call) -> Response:
    """Undo an import, or say what that would do. A client that asks again gets told that it is done."""
    dry_run = call.parameters().boolean("dry_run", False)
    return json_answer(answers.UndoAnswer(await (previewed if dry_run else undone)(call, call.names[0])))


async def intake_of(call: Call, id: str) -> Intake:
    """The import of this id. Raises UnknownIntake."""
    service, account = call.service, call.account
    found = await service.in_thread(lambda: service.store.intakes.get(account, id))
    if found is None:
        raise UnknownIntake(id)
    return found


async def previewed(call: Call, id: str) -> answers.Undone:
    """What undoing an import would do. Raises UnknownIntake."""
    service, account = call.service, call.account
    found = await intake_of(call, id)
    preview = await service.in_thread(lambda: service.store.intakes.preview(account, id))
    answer = _undone(found, preview.removal, dry_run=True)
    answer.sessions, answer.repeated_later = preview.sessions, preview.repeated
    return answer


async def undone(call: Call, id: str) -> answers.Undone:
    """Undo an import to its end; what that did. Raises UnknownIntake."""
    service, account, at = call.service, call.account, datetime.now(UTC)
    before = await intake_of(call, id)
    steps = []
    while (step := await _write(service, lambda: service.store.intakes.undo(account, id, at))) is not None:
        steps.append(step)
    answer = _undone(await intake_of(call, id), together(steps), dry_run=False)
    answer.already_undone = before.undone is not None
    return answer


async def delete_session(call: Call) -> Response:
    """Remove the records that are at home in a session, or say what that would do."""
    service, account, (name, id) = call.service, call.account, call.names
    dry_run = call.parameters().boolean("dry_run", False)
    record_type = service.catalog.resolve(name).name
    removal = await _when_fresh(
        service, lambda: service.store.removing.session(account, record_type, id, dry_run=dry_run)
    )
    if removal is None:
        text = f"there is no session of {record_type} {id}; a session is named by its top, which its tree shows first"
        raise RequestError(404, NOT_FOUND, text, parameter="id")
    gone = _totals(removal.gone)
    return json_answer(
        answers.DeleteAnswer(
            answers.DeletedSession(record_type, id, dry_run, removal.removed, removal.dropped, gone),
        )
    )


async def _write(service: Service, work: Callable[[], T]) -> T:
    """What work in the writer's thread answers."""
    return await service.write(lambda add: work())


async def _when_fresh(service: Service, work: Callable[[], T]) -> T:
    """What work in the writer's thread answers that needs every session's row to be right."""
    until = time.monotonic() + FRESH_SECONDS_MAX
    while True:
        try:
            return await _write(service, lambda: _fresh_or_not(service, work))
        except NotFresh:
            if time.monotonic() > until:
                raise


def _fresh_or_not(service: Service, work: Callable[[], T]) -> T:
    refuse_disputed(service.store)
    if service.store.sessions.refresh():
        raise NotFresh
    answer = work()
    service.store.sessions.refresh()  # so that the next question shows it
    return answer


def import_answer(intake: Intake) -> answers.Import:
    """An import as it is answered."""
    counts = (intake.records, intake.created, intake.updated, intake.unchanged, intake.rejected)
    return answers.Import(intake.id, intake.state, intake.received, intake.source, intake.key, *counts, intake.undone)


def _undone(intake: Intake, removal: Removal, *, dry_run: bool) -> answers.Undone:
    counts = (removal.removed, removal.restored, removal.dropped)
    return answers.Undone(intake.id, intake.state, intake.undone, dry_run, *counts, _totals(removal.gone))


def _totals(totals: Mapping[str, int]) -> list[Money]:
    return [Money(money.text(amount), currency) for currency, amount in sorted(totals.items())]
