"""What does not fit: records without the parent that they should have, and everything odd that was met in sessions.

Both lists are those of the API, with its parameters; unlinked records have their near misses beside them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup
from starlette.responses import Response

from sessiontree import money
from sessiontree.http import csv_lists, unfit
from sessiontree.http.filters import RECORD_TYPE
from sessiontree.http.routes import JSON, encode
from sessiontree.http.unfit_answers import ProblemList, UnlinkedList, UnlinkedRow
from sessiontree.pages import filter_form, layout, shown
from sessiontree.pages.addresses import Address, address_of, path_of
from sessiontree.pages.filter_form import Field, Fields
from sessiontree.pages.near_misses import NEAR, Near, near_misses
from sessiontree.pages.sending import answer
from sessiontree.pages.visits import Visit
from sessiontree.placement import PROBLEM_CODES
from sessiontree.store import Store
from sessiontree.unfit import REASONS
from sessiontree.wire import Money, TotalCost

UNLINKED, PROBLEMS = "/unlinked", "/problems"
_FORMATS = ("html", "json", "csv")
REASON_WORDS = {
    "no_such_parent": "the parents that it names are not there",
    "null_link": "it names no parent: its link fields are empty",
}
CODE_WORDS = {
    "circle": "records name each other as parents; the circle was opened at the earliest",
    "fallback_link": "the better field pair found no parent, a coarser one did",
    "missing_children": "records that should lie below it are not there (yet): the total may be too low",
    "several_parents": "several parents fit; the one that started first was taken",
    "unlinked": "its type belongs under another, and no parent was found",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Unlinked records of one type for one reason, and the list of them alone."""

    record_type: str
    reason: str
    count: int
    costs: list[Markup]
    href: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """An unlinked record."""

    row: UnlinkedRow
    href: str
    color: int
    costs: list[Markup]
    age: str
    near: list[Near]


@dataclass(frozen=True, slots=True)
class Count:
    """The problems of one code, and the list of them alone."""

    code: str
    words: str
    count: int
    href: str


async def unlinked(visit: Visit) -> Response:
    """Unlinked records: groups, then one by one."""
    return await visit.call.service.in_thread(lambda: _unlinked(visit))


def _unlinked(visit: Visit) -> Response:
    call, parameters = visit.call, visit.parameters()
    store, account = call.service.store, call.account
    form = parameters.choice("format", "html", _FORMATS)
    found = unfit.unlinked(store, account, parameters, call.service.settings, datetime.now(UTC))
    if form != "html":
        return _file(visit, found, csv_lists.unlinked_lines(found) if form == "csv" else None, "unlinked.csv")
    at = address_of(UNLINKED, parameters)
    meta = found.meta
    return layout.page(
        visit,
        "unlinked.html",
        title="Unlinked records",
        form=filter_form.form_of(at, _unlinked_fields(at, store, account), kept=("sort", "limit")),
        groups=[
            Group(
                each.record_type,
                each.reason,
                each.count,
                _amounts(each.cost),
                at.but({RECORD_TYPE: each.record_type, unfit.REASON: each.reason}),
            )
            for each in meta.groups
        ],
        rows=[_unfit(store, account, row) for row in found.data],
        words=REASON_WORDS,
        near=shown.duration(NEAR),
        count=meta.total.session_count,
        fresh=meta.fresh,
        **_links(at, meta.next_cursor),
    )


def _unlinked_fields(at: Address, store: Store, account: str) -> Iterator[Field]:
    yield Fields(at).choice(
        unfit.REASON, "Reason", [("", "any"), *((name, name.replace("_", " ")) for name in REASONS)]
    )
    yield from filter_form.session_fields(at, store, account)


def _unfit(store: Store, account: str, row: UnlinkedRow) -> Unfit:
    return Unfit(
        row,
        path_of(row.record_type, row.id),
        shown.color(store.catalog.types[row.record_type].product),
        _amounts(_parts(row.cost)),
        shown.duration(timedelta(seconds=max(row.age_seconds, 0))),
        near_misses(store, account, row.record_type, row.started_at),
    )


def _parts(cost: TotalCost) -> list[Money]:
    return [Money(cost.total, cost.currency), *(cost.other_currencies or ())]


def _amounts(costs: Sequence[Money]) -> list[Markup]:
    return [shown.amount(money.read(each.total), each.currency) for each in costs]


async def problems(visit: Visit) -> Response:
    """Problems: how many of each code, then one by one."""
    return await visit.call.service.in_thread(lambda: _problems(visit))


def _problems(visit: Visit) -> Response:
    call, parameters = visit.call, visit.parameters()
    store, account = call.service.store, call.account
    form = parameters.choice("format", "html", _FORMATS)
    found = unfit.problems(store, account, parameters, call.service.settings, datetime.now(UTC))
    if form != "html":
        return _file(visit, found, csv_lists.problem_lines(found) if form == "csv" else None, "problems.csv")
    at = address_of(PROBLEMS, parameters)
    meta = found.meta
    return layout.page(
        visit,
        "problems.html",
        title="Problems",
        form=filter_form.form_of(at, _problem_fields(at, store, account), kept=("limit",)),
        counts=[
            Count(each.code, CODE_WORDS[each.code], each.count, at.but({unfit.CODE: each.code})) for each in meta.counts
        ],
        rows=[
            (row, path_of(row.session.record_type, row.session.id), f"{row.record_type}/{row.id}") for row in found.data
        ],
        **_links(at, meta.next_cursor),
    )


def _problem_fields(at: Address, store: Store, account: str) -> Iterator[Field]:
    yield Fields(at).choice(
        unfit.CODE, "Problem", [("", "any"), *((code, code.replace("_", " ")) for code in PROBLEM_CODES)]
    )
    yield from filter_form.session_fields(at, store, account)


def _links(at: Address, following: str | None) -> dict[str, str]:
    """Where the list goes on, and its other forms."""
    return {
        "first": at.but() if "cursor" in at.given else "",
        "next": at.here(cursor=following) if following else "",
        "json": at.here(format="json"),
        "csv": at.here(format="csv"),
    }


def _file(visit: Visit, found: UnlinkedList | ProblemList, lines: Iterator[str] | None, name: str) -> Response:
    """The list as the API has it, or as lines of CSV."""
    if lines is None:
        return answer(visit.call.scope, encode(found), media_type=JSON)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return answer(visit.call.scope, "".join(lines).encode(), media_type="text/csv", headers=headers)
