"""The form above a list: one field for each of the usual filters, plain GET, with the names that the API has for them.

Whatever else the address selects is kept, and shown as something that can be taken off.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sessiontree.catalog import Catalog
from sessiontree.http.filters import DATE_RANGE, FILTER, RECORD_TYPE
from sessiontree.http.session_filters import CURRENCY, PRODUCT, STATUS
from sessiontree.pages.addresses import PLACE, Address
from sessiontree.sessions import STATUSES
from sessiontree.store import Store

SINCE, UNTIL = "filter[started_at][gte]", "filter[started_at][lt]"
TOTAL_MIN, TOTAL_MAX = "filter[total][gte]", "filter[total][lte]"
_RANGES = ("today", "yesterday", "this_week", "last_week", "this_month", "last_month")
_LAST_DAYS = ("last_7_days", "last_30_days", "last_90_days")
_OPERATORS = {"eq": "=", "gte": "≥", "gt": ">", "lte": "≤", "lt": "<"}

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form: a choice where there are options, else text, a date or an amount."""

    name: str
    label: str
    value: str
    kind: str = "text"
    options: Options = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that has no field of its own: what it says, and the address without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The whole form. `active`: something is selected, which `clear` takes off."""

    path: str
    fields: list[Field]
    hidden: list[tuple[str, str]]
    chips: list[Chip]
    active: bool
    clear: str


class Fields:
    """Makes fields with the values of an address."""

    def __init__(self, at: Address) -> None:
        self._at = at

    def choice(self, name: str, label: str, options: Iterable[tuple[str, str]], default: str = "") -> Field:
        """A choice; a value of the address that is none of the options becomes one."""
        value, found = self._at.given.get(name, default), list(options)
        if value not in [option for option, _ in found]:
            found.append((value, value.replace(",", ", ")))
        return Field(name, label, value, "choice", found)

    def one_of(self, name: str, label: str, values: Iterable[str], any: str = "any") -> Field:
        """A choice of values that are shown as they are."""
        return self.choice(name, label, [("", any), *((value, _words(value)) for value in values)])

    def text(self, name: str, label: str, hint: str = "", kind: str = "text") -> Field:
        """A text, or an amount."""
        return Field(name, label, self._at.given.get(name, ""), kind, hint=hint)

    def day(self, name: str, label: str) -> Field:
        """A day; an exact moment, as links have it, is shown as text."""
        value = self._at.given.get(name, "")
        return Field(name, label, value, "date" if _is_day(value) else "text")


def session_fields(at: Address, store: Store, account: str) -> Iterator[Field]:
    """The filters that lists of sessions have in common."""
    fields = Fields(at)
    yield from time_fields(at)
    yield fields.one_of(RECORD_TYPE, "Type", sorted(store.catalog.types))
    yield fields.one_of(PRODUCT, "Product", products(store.catalog))
    yield fields.one_of(STATUS, "Status", STATUSES)
    yield fields.one_of(CURRENCY, "Currency", store.sessions.currencies(account))


def time_fields(at: Address) -> Iterator[Field]:
    """When things started."""
    fields = Fields(at)
    yield fields.one_of(DATE_RANGE, "Started", (*_RANGES, *_LAST_DAYS), any="any time")
    yield fields.day(SINCE, "From")
    yield fields.day(UNTIL, "Before")


def products(catalog: Catalog) -> list[str]:
    """All products that there are."""
    return sorted({declared.product for declared in catalog.types.values()})


def form_of(at: Address, fields: Iterable[Field], *, kept: Sequence[str] = ()) -> FilterForm:
    """The form with these fields; `kept` are parameters that select nothing, such as an order."""
    shown = list(fields)
    names = {field.name for field in shown}
    hidden = [(name, value) for name, value in at.given.items() if name not in names and name not in PLACE]
    chips = [Chip(_chip(name, value), at.but({name: None})) for name, value in hidden if FILTER.match(name)]
    active = any(name.startswith("filter[") for name in at.given)
    return FilterForm(at.path, shown, hidden, chips, active, Address(at.path, _only(at, kept)).but())


def _only(at: Address, names: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in at.given.items() if name in names}


def _chip(name: str, value: str) -> str:
    match = FILTER.match(name)
    assert match is not None
    operator = match[2] or "eq"
    return f"{match[1]} {_OPERATORS.get(operator, operator.replace('_', ' '))} {value}"


def _words(name: str) -> str:
    return name.replace("_", " ") if name in (*_RANGES, *_LAST_DAYS, *STATUSES) else name


def _is_day(text: str) -> bool:
    try:
        return not text or bool(date.fromisoformat(text))
    except ValueError:
        return False
