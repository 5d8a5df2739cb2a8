"""The API's answer about a session tree: the names and shapes here are a promise to callers.

`rendering` fills them from what we compute with (`placement`, `tree`). A body is spliced in as it was received.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

Amount = Annotated[str, Meta(description="A decimal in plain notation, six decimals or more.", examples=["0.212800"])]
Currency = Annotated[str, Meta(description="ISO 4217 currency code.", examples=["USD"])]


class Money(msgspec.Struct, omit_defaults=True, gc=False):
    """A total in one currency; `elsewhere` is the part of it that belongs to other sessions."""

    total: Amount
    currency: Currency
    elsewhere: Amount | UnsetType = UNSET


class TotalCost(msgspec.Struct, omit_defaults=True, gc=False):
    """What a session cost, per currency."""

    total: Amount
    currency: Currency
    other_currencies: list[Money] | UnsetType = UNSET
    elsewhere: Amount | UnsetType = UNSET
    elsewhere_count: int | UnsetType = UNSET


class EventCost(msgspec.Struct, omit_defaults=True, gc=False):
    """An event's own cost, and with everything below it."""

    event_cost: Amount
    cumulative_cost: Amount
    currency: Currency
    status: Annotated[str, Meta(description="rated, unpriced (billable, no cost yet) or none (no cost of its own).")]
    other_currencies: list[Money] | UnsetType = UNSET
    elsewhere: Amount | UnsetType = UNSET
    elsewhere_count: int | UnsetType = UNSET


class ViaFields(msgspec.Struct, gc=False):
    """The field pair that links two events."""

    local_field: str
    parent_field: str


class NodeRelationship(msgspec.Struct, gc=False):
    """How an event belongs to its parent."""

    type: Annotated[str, Meta(examples=["child_of"])]
    via: ViaFields
    parent_id: str
    parent_record_type: str


class NodeLinks(msgspec.Struct, gc=False):
    """Where an event's own analysis and its detail record are."""

    self: str
    records: str


class OtherEvent(msgspec.Struct, gc=False):
    """An event named from elsewhere."""

    record_type: str
    id: str
    links: NodeLinks


class Ancestor(msgspec.Struct, gc=False):
    """A step from the event asked for up to the top of its session."""

    type: Annotated[str, Meta(examples=["parent_of"])]
    via: ViaFields
    record_type: str
    id: str
    links: NodeLinks


class Hidden(msgspec.Struct, gc=False):
    """What lies below an event and was not sent."""

    event_count: int
    cost: TotalCost


class EventNode(msgspec.Struct, omit_defaults=True, gc=False):
    """An event in its place in the session tree."""

    id: str
    record_type: str
    product: str
    event_name: str
    relationship: NodeRelationship | None
    cost: EventCost
    started_at: datetime | None
    finished_at: datetime | None
    links: NodeLinks
    record: Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
    children: list["EventNode"]
    hidden: Hidden | UnsetType = UNSET
    also_in: OtherEvent | UnsetType = UNSET


class ProductCost(msgspec.Struct, gc=False):
    """What the events of one product cost in one currency."""

    product: str
    cost: Money
    event_count: int


class ProblemReport(msgspec.Struct, gc=False):
    """Something odd in the data that was worked round."""

    code: str
    message: str
    record_type: str
    id: str


class SessionMeta(msgspec.Struct, gc=False):
    """Counts and remarks about the whole session, also where only a part of it was sent."""

    event_count: int
    products: list[str]
    returned_event_count: int
    truncated: bool
    unpriced_count: int
    problems: list[ProblemReport]
    cost_by_product: list[ProductCost]


class SessionAnalysis(msgspec.Struct, gc=False):
    """The answer about one event: its tree, its costs, and the way up to the top of its session."""

    session_id: str
    status: Annotated[str, Meta(description="completed or in_progress.")]
    created_at: datetime
    completed_at: datetime | None
    cost: TotalCost
    root: EventNode
    ancestors: list[Ancestor]
    meta: SessionMeta


class SpendCost(msgspec.Struct, gc=False):
    """What a group cost in one currency; containers, which cost nothing, have none."""

    total: Amount
    currency: Currency | None


class SpendGroup(msgspec.Struct, omit_defaults=True, gc=False):
    """A group in one currency. Before these it has a field for each grouping, with the group's value or null.

    `quantity` is what `quantity_count` of the events say they were charged for, left out where they differ in the unit;
    `average_rate` is what one unit cost over the events with a cost and a quantity, rounded to 12 decimals.
    """

    cost: SpendCost
    event_count: int
    unpriced_count: int
    quantity: Annotated[str, Meta(description="A decimal in plain notation.", examples=["1820"])] | UnsetType = UNSET
    unit: Annotated[str, Meta(examples=["second"])] | UnsetType = UNSET
    quantity_count: int | UnsetType = UNSET
    average_rate: Amount | UnsetType = UNSET


class SpendMeta(msgspec.Struct, gc=False):
    """What was asked, and what all groups add up to in each currency."""

    group_by: list[str]
    time_zone: str
    cost: list[Money]
    event_count: int
    unpriced_count: int


class SpendAnswer(msgspec.Struct, gc=False):
    """Spend by group: every group there is, in order; null comes last."""

    data: list[SpendGroup]
    meta: SpendMeta
