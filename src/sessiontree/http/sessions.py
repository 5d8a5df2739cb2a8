"""GET /v2/sessions and GET /v2/sessions/changes: what sessions add up to, as lists."""

from datetime import UTC, datetime

from starlette.responses import Response

from sessiontree.http import session_filters
from sessiontree.http.refusals import UNKNOWN_VALUE, RequestError
from sessiontree.http.routes import Call, json_answer
from sessiontree.http.session_answers import session_changes, session_list
from sessiontree.session_query import LIMIT, LIMIT_MAX


async def list_sessions(call: Call) -> Response:
    """Sessions that the filters select, sorted, from the cursor on; and what all of them add up to."""
    service, account, parameters = call.service, call.account, call.parameters()

    def answer() -> Response:
        now = datetime.now(UTC)
        query = session_filters.read_page_query(parameters, service.store, account, service.settings, now)
        page = service.store.sessions.page(account, query)
        clock = session_filters.clock(service.settings, now)
        return json_answer(session_list(page, limit=query.limit, clock=clock))

    return await service.in_thread(answer)


async def list_changes(call: Call) -> Response:
    """Sessions whose numbers changed after a point, in the order of their changes."""
    service, account, parameters = call.service, call.account, call.parameters()
    since = parameters.integer("since", 0, low=0)
    limit = parameters.integer("limit", LIMIT, low=1, high=LIMIT_MAX)

    def answer() -> Response:
        try:
            changes = service.store.sessions.changes(account, since, limit)
        except ValueError as error:
            raise RequestError(400, UNKNOWN_VALUE, f"since {error}", parameter="since") from None
        clock = session_filters.clock(service.settings, datetime.now(UTC))
        return json_answer(session_changes(list(changes), since=since, clock=clock))

    return await service.in_thread(answer)
