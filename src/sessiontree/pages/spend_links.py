"""From an amount of spend to the sessions behind it.

A page has hundreds of amounts, so the links behind them are short: they name the period, the value and the currency,
and ask the page of spend once more, which knows the rest and leads on to the list of sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sessiontree.http.filters import RECORD_TYPE
from sessiontree.http.refusals import BAD_REQUEST, RequestError
from sessiontree.http.session_filters import CURRENCY, PRODUCT
from sessiontree.http.spend import SESSION_TYPE, Asked
from sessiontree.pages.addresses import Address, address
from sessiontree.pages.filter_form import SINCE, UNTIL
from sessiontree.pages.spend_periods import chart_periods
from sessiontree.periods import UNITS

BEHIND = "sessions"
"""The parameter of the short links: `2026-03-17,messaging,USD`; the value in the middle may be empty."""
_SESSION_FILTERS = {"product": PRODUCT, "currency": CURRENCY, "session_type": RECORD_TYPE}
"""Groupings by which sessions can be selected too."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one page: what it asks for, its address, and that as the reader gave it, without what is implied.

    `known` are the account's currencies: sessions are selected by one where there are several.
    """

    asked: Asked
    at: Address
    given: Address
    known: Sequence[str]

    @property
    def unit(self) -> str | None:
        """The unit of time that the amounts are grouped by; None for none, or several."""
        units = [name for name in self.asked.grouping.by if name in UNITS]
        return units[0] if len(units) == 1 else None

    @property
    def by(self) -> str:
        """What else they are grouped by, first; empty for nothing."""
        return next((name for name in self.asked.grouping.names if name != self.unit), "")

    def short(self, label: str, value: str | None, currency: str) -> str:
        """To the sessions that began in a period, with an event of the value where sessions can be selected by it."""
        named = value if self.by in _SESSION_FILTERS and value else ""
        return self.given.but({BEHIND: f"{label},{named},{currency}"}).removeprefix(self.given.path)

    def behind(self, text: str) -> str:
        """Where a short link leads. Raises RequestError for one that is none of ours."""
        label, _, rest = text.partition(",")
        value, _, currency = rest.rpartition(",")
        query, unit = self.asked.query, self.unit
        try:
            found = chart_periods(unit, query.zone, [label], query.since, query.until) if unit else None
        except ValueError:
            found = None
        bounds = next((each for each in found or () if each.label == label), None)
        if bounds is None:
            raise RequestError(400, BAD_REQUEST, f"{text[:80]!r} is no amount of this page", parameter=BEHIND)
        return self.sessions({self.by: value}, bounds.since, bounds.until, currency)

    def sessions(
        self, values: Mapping[str, str | None], since: datetime | None, until: datetime | None, currency: str | None
    ) -> str:
        """The list of the sessions that began in a time, with these values where sessions can be selected by them."""
        given = self.at.given
        filters = {PRODUCT: given.get(PRODUCT), RECORD_TYPE: given.get(SESSION_TYPE), CURRENCY: given.get(CURRENCY)}
        if len(self.known) > 1:
            filters[CURRENCY] = currency
        filters |= {
            _SESSION_FILTERS[name]: value for name, value in values.items() if name in _SESSION_FILTERS and value
        }
        return address("/sessions", {SINCE: _text(since), UNTIL: _text(until), **filters})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
