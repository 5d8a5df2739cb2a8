"""Exports in the FinOps Open Cost and Usage Specification (FOCUS) 1.2: a CSV line for each record with its own cost.

All columns that 1.2 requires, then columns of our own, whose names begin with `x_`. The rows are nothing but charges,
so no last line says that the file is whole: a reader sees it by how the transfer ended, and can compare sums.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sessiontree import csv_text, money
from sessiontree.catalog import Catalog, RecordType
from sessiontree.export.columns import Layout, Place, time_text
from sessiontree.export.tally import Tally
from sessiontree.query import value_text
from sessiontree.record import Record

Cell = str | int | None

SERVICE_CATEGORIES = {
    "AI & Voice Intelligence": "AI and Machine Learning",
    "Conferencing": "Business Applications",
    "Media & Storage": "Media",
    "Messaging": "Networking",
    "Video": "Media",
    "Voice & Telephony": "Networking",
}
"""FOCUS's service categories by those of our catalogue; any other is called Other."""
_SECOND = timedelta(seconds=1)
_LATEST = datetime.max.replace(tzinfo=UTC)


class Focus:
    """FOCUS 1.2; see `Form` for what its methods give. `provider` bills where a type names no other, `account` pays."""

    media_type = "text/csv; charset=utf-8"
    suffix = "focus.csv"

    def __init__(self, layout: Layout, *, catalog: Catalog, account: str, provider: str) -> None:
        self.layout = layout
        self._provider = provider
        self._account = account
        self._services = _services(catalog)
        self._names = (*_COLUMNS, *_field_names(layout.fields))

    def begin(self) -> bytes:
        """The names of the columns."""
        return csv_text.line(self._names).encode()

    def row(self, place: Place) -> bytes | None:
        """The line of a record that has a cost of its own."""
        record = place.node.record
        if record is None or record.cost is None:
            return None
        charge = _Charge(place, record, self._account, self._provider, self._services)
        chosen = self.layout.values(place)[-len(self.layout.fields) :] if self.layout.fields else ()
        fields = [value_text(value) if isinstance(value, bytes) else None for value in chosen]
        return csv_text.line([*(read(charge) for read in _COLUMNS.values()), *fields]).encode()

    def end(self, tally: Tally) -> bytes:
        """Nothing: it could not be told from a charge."""
        return b""


class _Charge:
    """A record as a charge: what several columns need, worked out once."""

    __slots__ = ("account", "category", "cost", "currency", "declared", "end", "place", "provider", "record", "start")

    def __init__(self, place: Place, record: Record, account: str, provider: str, services: dict[str, str]) -> None:
        assert record.cost is not None, "a charge has a cost"
        self.place, self.record, self.account = place, record, account
        self.declared: RecordType = place.node.plan.declared
        self.provider = self.declared.provider or provider
        self.cost = money.text(record.cost)
        self.currency = record.currency
        self.category = services[self.declared.product]
        start = place.node.start or place.root.start or record.received or _LATEST
        self.start = start.replace(microsecond=0)
        self.end = _period_end(self.start, place.node.finish)

    @property
    def is_credit(self) -> bool:
        """Whether money comes back."""
        return self.record.cost is not None and self.record.cost < 0

    @property
    def parent_id(self) -> str | None:
        """The id of the event above."""
        link = None if self.place.node is self.place.root else self.place.node.link
        return None if link is None else link.parent.id

    def quantity(self) -> tuple[str, str]:
        """How much of what was charged for. What is not measured is charged by the record."""
        declared, amount = self.declared.quantity, self.record.quantity
        if declared is None or amount is None:
            return "1", "Records"
        return money.text(amount).rstrip("0").rstrip("."), unit_name(declared.unit)


_COLUMNS: dict[str, Callable[[_Charge], Cell]] = {
    "BilledCost": lambda charge: charge.cost,
    "BillingAccountId": lambda charge: charge.account,
    "BillingAccountName": lambda charge: None,  # accounts have no other name
    "BillingCurrency": lambda charge: charge.currency,
    "BillingPeriodEnd": lambda charge: time_text(_next_month(charge.start)),
    "BillingPeriodStart": lambda charge: time_text(_month(charge.start)),
    "ChargeCategory": lambda charge: "Credit" if charge.is_credit else "Usage",
    "ChargeClass": lambda charge: None,  # nothing here corrects an earlier invoice
    "ChargeDescription": lambda charge: f"{charge.declared.event} {charge.place.node.id}",
    "ChargeFrequency": lambda charge: "One-Time" if charge.is_credit else "Usage-Based",
    "ChargePeriodEnd": lambda charge: time_text(charge.end),
    "ChargePeriodStart": lambda charge: time_text(charge.start),
    "ContractedCost": lambda charge: charge.cost,  # records tell one price, after any discount
    "EffectiveCost": lambda charge: charge.cost,
    "InvoiceIssuerName": lambda charge: charge.provider,
    "ListCost": lambda charge: charge.cost,
    "PricingQuantity": lambda charge: charge.quantity()[0],
    "PricingUnit": lambda charge: charge.quantity()[1],
    "ProviderName": lambda charge: charge.provider,
    "PublisherName": lambda charge: charge.provider,
    "ServiceCategory": lambda charge: charge.category,
    "ServiceName": lambda charge: charge.declared.product,
    "x_SessionId": lambda charge: charge.place.root.id,
    "x_SessionType": lambda charge: charge.place.root.name,
    "x_ParentEventId": lambda charge: charge.parent_id,
    "x_EventId": lambda charge: charge.place.node.id,
    "x_RecordType": lambda charge: charge.declared.name,
    "x_Depth": lambda charge: charge.place.depth,
    "x_CumulativeCost": lambda charge: money.text(charge.place.node.totals[charge.place.node.currency]),
}


def unit_name(unit: str) -> str:
    """A unit as FOCUS writes it: `second` is `Seconds`; what has capitals, such as MB, stays as it is."""
    return unit if unit != unit.lower() else unit.capitalize() + ("" if unit.endswith("s") else "s")


def _services(catalog: Catalog) -> dict[str, str]:
    """The service category of each product; a product has one, that of its first type by name."""
    found: dict[str, str] = {}
    for name in sorted(catalog.types):
        declared = catalog.types[name]
        found.setdefault(declared.product, SERVICE_CATEGORIES.get(declared.category, "Other"))
    return found


def _field_names(fields: tuple[str, ...]) -> list[str]:
    return [f"x_record.{name}" if f"x_{name}" in _COLUMNS else f"x_{name}" for name in fields]


def _period_end(start: datetime, finish: datetime | None) -> datetime:
    """The whole second after the last one that is charged for, at least one after the first."""
    if start >= _LATEST - _SECOND:
        return _LATEST.replace(microsecond=0)
    if finish is None or finish <= start + _SECOND:
        return start + _SECOND
    whole = finish.replace(microsecond=0)
    return whole if whole == finish or whole >= _LATEST - _SECOND else whole + _SECOND


def _month(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _next_month(moment: datetime) -> datetime:
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return datetime(year, month, 1, tzinfo=UTC) if year <= 9999 else _LATEST.replace(microsecond=0)
