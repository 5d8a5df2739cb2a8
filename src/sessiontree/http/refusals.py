"""What goes wrong with a request, as one JSON shape: a list of errors, each with a published code.

This is the one place that turns errors into HTTP answers. Whatever is not foreseen here is a 500 that says nothing
but its request id; the reason goes to the log.
"""

import logging
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from sessiontree.errors import (
    EventNotFound,
    SessionsDisputed,
    SessiontreeError,
    StoreError,
    TooManyGroups,
    TreeTooLarge,
    UnknownRecordType,
)
from sessiontree.http.answers import ErrorMeta, ErrorReport, Errors, ErrorSource, IngestSummary
from sessiontree.store.intakes import IntakeUndone, UnknownIntake
from sessiontree.store.removing import NotFresh

BAD_REQUEST = "10015"
MISSING = "10004"
BAD_ID = "10006"
BAD_FILTER = "10031"
UNKNOWN_VALUE = "10032"
OUT_OF_RANGE = "10033"
UNAUTHENTICATED = "10009"
FORBIDDEN = "10010"
NOT_FOUND = "10005"
TOO_MANY = "10011"
UNEXPECTED = "10007"

TITLES = {
    BAD_REQUEST: "Bad request",
    MISSING: "Missing parameter",
    BAD_ID: "Invalid id",
    BAD_FILTER: "Invalid filter",
    UNKNOWN_VALUE: "Invalid value",
    OUT_OF_RANGE: "Value out of range",
    UNAUTHENTICATED: "Authentication failed",
    FORBIDDEN: "Authorization failed",
    NOT_FOUND: "Resource not found",
    TOO_MANY: "Too many requests",
    UNEXPECTED: "Unexpected error",
}
RETRY_SECONDS = "2"
STORE_AWAY = "the store cannot be read or written now; wait a moment and send the request again"
log = logging.getLogger("sessiontree")
encode = msgspec.json.Encoder().encode


class RequestError(SessiontreeError):
    """Something wrong with a request: the status and published code to answer, and what the caller can do about it.

    `parameter` names the parameter in question, `pointer` the place in the body; `data` reports what was stored all
    the same.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        parameter: str | None = None,
        pointer: str | None = None,
        headers: dict[str, str] | None = None,
        data: IngestSummary | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.parameter = status, code, message, parameter
        self.pointer = pointer
        self.headers = headers or {}
        self.data = data


def request_error(error: Exception) -> RequestError:
    """The answer to any exception."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, EventNotFound):
        return RequestError(404, NOT_FOUND, str(error))
    if isinstance(error, TreeTooLarge):
        return RequestError(400, OUT_OF_RANGE, str(error))
    if isinstance(error, TooManyGroups):
        return RequestError(400, OUT_OF_RANGE, str(error), parameter="group_by")
    if isinstance(error, UnknownIntake):
        return RequestError(404, NOT_FOUND, str(error), parameter="id")
    if isinstance(error, IntakeUndone | NotFresh):
        return RequestError(409, BAD_REQUEST, str(error), headers={"Retry-After": RETRY_SECONDS})
    if isinstance(error, UnknownRecordType):
        return RequestError(400, UNKNOWN_VALUE, str(error), parameter="record_type")
    if isinstance(error, SessionsDisputed):
        restart, apply = "restart it with those", "apply its own with `sessiontree catalog apply`"
        should = restart if error.outdated else f"{apply} if they are the newer ones, else {restart}"
        text = f"sessions are made by other declarations than those of this server: its operator should {should}"
        return RequestError(503, UNEXPECTED, text, headers={"Retry-After": RETRY_SECONDS})
    if isinstance(error, StoreError):
        return RequestError(503, UNEXPECTED, STORE_AWAY, headers={"Retry-After": RETRY_SECONDS})
    return RequestError(500, UNEXPECTED, "something unforeseen went wrong here; tell the operator the request id")


def response(error: RequestError, request_id: str) -> Response:
    """The HTTP answer of an error."""
    source: ErrorSource | UnsetType = UNSET
    if error.parameter is not None:
        source = ErrorSource(parameter=error.parameter)
    elif error.pointer is not None:
        source = ErrorSource(pointer=error.pointer)
    reports = [report(error.code, error.message, source, request_id)]
    return respond(error.status, reports, headers=error.headers, data=error.data)


def report(code: str, message: str, source: ErrorSource | UnsetType, request_id: str) -> ErrorReport:
    """One error in the published shape."""
    return ErrorReport(code, TITLES[code], message, message, ErrorMeta(request_id), source)


def respond(
    status: int, reports: Sequence[ErrorReport], *, headers: dict[str, str], data: IngestSummary | None
) -> Response:
    """An answer that lists errors."""
    body = encode(Errors(list(reports), UNSET if data is None else data))
    return Response(body, status, headers, "application/json")
