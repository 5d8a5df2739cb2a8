"""Sessions as the command line shows them: a table for people, JSON and CSV for programs. Texts end with their line."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain

import msgspec

from sessiontree.cli.common import paint
from sessiontree.http import csv_lists
from sessiontree.http.session_answers import list_meta, session_row
from sessiontree.money import Totals
from sessiontree.session_query import Clock, SessionPage
from sessiontree.sessions import Session
from sessiontree.text import Column, Paint, exact, plain

_encode = msgspec.json.Encoder().encode
_PRODUCTS_SHOWN = 2


def json_pieces(pages: Iterable[SessionPage], clock: Clock) -> Iterator[bytes]:
    """One answer of the API with the sessions of all pages; its `meta` is that of the last."""
    yield b'{"data":['
    count = 0
    for page in pages:
        for session in page.sessions:
            yield (b"," if count else b"") + _encode(session_row(session, clock))
            count += 1
    yield b'],"meta":' + _encode(list_meta(page, count)) + b"}\n"


def csv_lines(pages: Iterable[SessionPage], clock: Clock) -> Iterator[str]:
    """A line of names, and one for each session."""
    return csv_lists.session_lines(chain.from_iterable(page.sessions for page in pages), clock)


def table_lines(pages: Iterable[SessionPage], clock: Clock, *, colours: bool) -> Iterator[str]:
    """A line for each session below the titles, page by page, then what the whole selection adds up to."""
    painter = paint if colours else plain
    shown = 0
    for page in pages:
        if page.sessions:
            titles = [] if shown else [_TITLES]
            rows = (_row(session, page.currencies(session), clock) for session in page.sessions)
            yield from _table([*titles, *rows], painter)
        shown += len(page.sessions)
    yield ("\n" if shown else "") + painter("title", _summary(page, shown)) + "\n"


_TITLES = ("total", "", "started (UTC)", "duration", "events", "products", "status", "type", "id", "")
_ROLES = ("amount", "note", "", "", "", "", "", "type", "id", "problem")
_RIGHT = (3, 4)


def _row(session: Session, currencies: Sequence[str], clock: Clock) -> tuple[str, ...]:
    start, duration, (first, *others) = session.start, session.duration, currencies
    marks = [_counted(len(session.problems), "problem")] if session.problems else []
    marks += [f"{session.unpriced_count:,} unpriced"] if session.unpriced_count else []
    return (
        exact(session.totals.get(first, 0)),
        " + ".join([first, *(f"{exact(session.totals[code])} {code}" for code in others)]),
        "" if start is None else start.replace(tzinfo=None).isoformat(" ", "seconds"),
        "" if duration is None else _duration(duration),
        f"{session.event_count:,}",
        _products(session),
        clock.status(session),
        session.record_type,
        session.id,
        "! " + ", ".join(marks) if marks else "",
    )


def _table(rows: list[tuple[str, ...]], painter: Paint) -> Iterator[str]:
    """Rows with their columns in line: points of totals below each other, durations and counts to the right."""
    totals = Column([row[0] for row in rows])
    widths = [max(len(row[at]) for row in rows) for at in range(len(_TITLES))]
    for row in rows:
        cells = [totals.fit(row[0])]
        cells += [f"{cell:{'>' if at in _RIGHT else '<'}{widths[at]}}" for at, cell in enumerate(row) if at]
        painted = [painter(role, cell) if role else cell for role, cell in zip(_ROLES, cells, strict=True)]
        yield f"{painted[0]} {'  '.join(painted[1:])}".rstrip() + "\n"


def _duration(duration: timedelta) -> str:
    """Hours, minutes and seconds; what is less than a second is left out."""
    seconds = abs(duration) // timedelta(seconds=1)
    sign = "-" if duration < timedelta() else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _products(session: Session) -> str:
    """The most expensive ones, and how many more."""
    names = list(dict.fromkeys(product for product, *_ in session.products))
    more = f" +{len(names) - _PRODUCTS_SHOWN}" if len(names) > _PRODUCTS_SHOWN else ""
    return ", ".join(names[:_PRODUCTS_SHOWN]) + more


def _summary(page: SessionPage, shown: int) -> str:
    totals, ranked_in = page.totals, page.ranked_in
    if not totals.session_count:
        return "No sessions."
    sums = " + ".join(f"{exact(amount)} {code}" for code, amount in _ranked_first(totals.totals, ranked_in))
    count = _counted(totals.session_count, "session")
    some = f"{shown:,} of {count}; all" if shown < totals.session_count else f"{count},"
    return f"{some} together {_counted(totals.event_count, 'event')}, {sums or 'no costs'}"


def _ranked_first(totals: Totals, ranked_in: str | None) -> list[tuple[str, int]]:
    return sorted(totals.items(), key=lambda each: (each[0] != ranked_in, each[0]))


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"
