"""GET /v2/unlinked, /v2/problems and /v2/verify: what does not fit, and the proof that everything else does.

The command line reads its lists by the same two functions.
"""

import dataclasses
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.responses import Response

from sessiontree.http import session_filters
from sessiontree.http.parameters import Parameters
from sessiontree.http.proof_answers import ProofAnswer, proof
from sessiontree.http.refusals import TOO_MANY, UNKNOWN_VALUE, RequestError
from sessiontree.http.routes import Call, json_answer
from sessiontree.http.unfit_answers import ProblemList, UnlinkedList, problem_list, unlinked_list
from sessiontree.placement import PROBLEM_CODES
from sessiontree.session_query import LIMIT, LIMIT_MAX
from sessiontree.settings import Settings
from sessiontree.store import Asks, Store
from sessiontree.unfit import REASONS, ProblemPlace, read_place
from sessiontree.verifying import verify

REASON, CODE = "filter[reason]", "filter[code]"
SAMPLE_MAX = 1_000_000
VERIFY_RETRY_SECONDS = "10"


async def list_unlinked(call: Call) -> Response:
    """Records whose type declares a parent and that have none."""
    service, account, parameters = call.service, call.account, call.parameters()
    return await service.in_thread(
        lambda: json_answer(unlinked(service.store, account, parameters, service.settings, datetime.now(UTC)))
    )


async def list_problems(call: Call) -> Response:
    """Everything odd that was met in sessions."""
    service, account, parameters = call.service, call.account, call.parameters()
    return await service.in_thread(
        lambda: json_answer(problems(service.store, account, parameters, service.settings, datetime.now(UTC)))
    )


def unlinked(store: Store, account: str, parameters: Parameters, settings: Settings, now: datetime) -> UnlinkedList:
    """The unlinked records that the parameters ask for. Raises RequestError."""
    reasons = _listed(parameters, REASON, tuple(REASONS)) or tuple(REASONS)
    query = session_filters.read_page_query(parameters.without(REASON), store, account, settings, now)
    query = dataclasses.replace(query, unlinked=tuple(REASONS[each] for each in reasons))
    page = store.sessions.page(account, query)
    with store.snapshot(account) as snapshot:
        wanted = {(session.record_type, session.id) for session in page.sessions}
        records = {(each.record_type, each.id): each for each in snapshot.find(Asks(wanted, set(), set()))}
    groups = store.sessions.unlinked_groups(account, query)
    clock = session_filters.clock(settings, now)
    return unlinked_list(page, groups, records, store.catalog, limit=query.limit, clock=clock)


def problems(store: Store, account: str, parameters: Parameters, settings: Settings, now: datetime) -> ProblemList:
    """The problems that the parameters ask for. Raises RequestError."""
    codes = _listed(parameters, CODE, PROBLEM_CODES)
    limit = parameters.integer("limit", LIMIT, low=1, high=LIMIT_MAX)
    after = _place(parameters)
    query = session_filters.read_query(parameters.without(CODE), store, account, settings, now)
    query = dataclasses.replace(query, with_problems=True, limit=limit)
    return problem_list(store.sessions.problems(account, query, codes, after), limit=limit)


def _listed(parameters: Parameters, name: str, known: Sequence[str]) -> tuple[str, ...]:
    """The values of a parameter with commas between them, each one of those that there are."""
    text = parameters.text(name)
    values = () if text is None else tuple(text.split(","))
    for value in values:
        if value not in known:
            text = f"{value[:80]!r} is not one of {', '.join(known)}"
            raise RequestError(400, UNKNOWN_VALUE, text, parameter=name)
    return values


def _place(parameters: Parameters) -> ProblemPlace | None:
    text = parameters.text("cursor")
    try:
        return None if text is None else read_place(text)
    except ValueError as error:
        raise RequestError(400, UNKNOWN_VALUE, f"cursor {error}", parameter="cursor") from None


class Verify:
    """The proof for the key's own account. One at a time: it reads all there is."""

    def __init__(self) -> None:
        self.running = threading.Lock()

    async def __call__(self, call: Call) -> Response:
        """Runs it in a thread; a second one meanwhile is told to wait."""
        service, account, parameters = call.service, call.account, call.parameters()
        sample = None
        if parameters.text("sample") is not None:
            sample = parameters.integer("sample", 1, low=1, high=SAMPLE_MAX)

        def answer() -> Response:
            if not self.running.acquire(blocking=False):
                text = "another verification is under way; wait for it, and ask again"
                raise RequestError(429, TOO_MANY, text, headers={"Retry-After": VERIFY_RETRY_SECONDS})
            try:
                found = verify(service.store, account, sample=sample)
                return json_answer(ProofAnswer(proof(found)))
            finally:
                self.running.release()

        return await service.in_thread(answer)
