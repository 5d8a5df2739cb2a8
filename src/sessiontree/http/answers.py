"""The API's answers other than session trees (those are in `wire`): names and shapes are a promise to callers."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from sessiontree.wire import ViaFields

JsonObject = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]


class ErrorSource(msgspec.Struct, omit_defaults=True):
    """What in the request an error is about: a parameter by name, or a place in the body."""

    parameter: str | UnsetType = UNSET
    pointer: str | UnsetType = UNSET


class ErrorMeta(msgspec.Struct):
    """The id that the answer also carries as X-Request-Id."""

    request_id: str


class ErrorReport(msgspec.Struct, omit_defaults=True):
    """One thing that is wrong; `message` (and `detail`, the same) says what to do about it."""

    code: str
    title: str
    message: str
    detail: str
    meta: ErrorMeta
    source: ErrorSource | UnsetType = UNSET


class RejectedRecord(msgspec.Struct):
    """A record that was not stored: its place in the body from 0, the field (null: the record as a whole), and why."""

    index: int
    code: str
    field: str | None
    message: str


class IngestSummary(msgspec.Struct):
    """What became of the records of a body. At most 1,000 `errors` are listed; the counts are always exact.

    `import_id` names the request among the imports; null if nothing of it has been noted.
    """

    received: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    errors: list[RejectedRecord]
    import_id: str | None = None


class IngestAnswer(msgspec.Struct):
    """Records were stored."""

    data: IngestSummary


class Errors(msgspec.Struct, omit_defaults=True):
    """Every error answer, on every path. `data` says what was stored of a body all the same."""

    errors: list[ErrorReport]
    data: IngestSummary | UnsetType = UNSET


class PageMeta(msgspec.Struct):
    """Which page this is, of how many."""

    page_number: int
    page_size: int
    total_pages: int
    total_results: int


class RecordsPage(msgspec.Struct):
    """Detail records, each as it was received."""

    data: list[JsonObject]
    meta: PageMeta


class RecordVersion(msgspec.Struct):
    """One content that a record has had."""

    received_at: datetime
    record: JsonObject


class RecordHistory(msgspec.Struct):
    """Every content of a record, oldest first; the last is the present one."""

    data: list[RecordVersion]


class FieldOptions(msgspec.Struct):
    """A field that a record type has, and what can be done with it."""

    name: str
    type: str
    filterable: bool
    sortable: bool


class TypeOptions(msgspec.Struct):
    """The fields of a record type: the declared ones, and those that stored records have shown."""

    record_type: str
    fields: list[FieldOptions]


class Options(msgspec.Struct):
    """What detail records can be filtered and sorted by."""

    data: list[TypeOptions]


class ChildRelationship(msgspec.Struct):
    """A type whose records belong under records of this one: by `via`, or the first of `fallbacks` to find one."""

    relationship_type: Annotated[str, Meta(examples=["child_of"])]
    via: ViaFields
    fallbacks: list[ViaFields]
    cost_rollup: bool
    traversal_enabled: bool
    description: str
    child_product: str
    child_event: str
    child_record_type: str


class ParentRelationship(msgspec.Struct):
    """A type under whose records the records of this one belong: by `via`, or the first of `fallbacks` to find one."""

    relationship_type: Annotated[str, Meta(examples=["parent_of"])]
    via: ViaFields
    fallbacks: list[ViaFields]
    cost_rollup: bool
    traversal_enabled: bool
    description: str
    parent_product: str
    parent_event: str
    parent_record_type: str


class DescribedType(msgspec.Struct):
    """A record type and its relationships."""

    record_type: str
    aliases: list[str]
    product: str
    event: str
    description: str
    child_relationships: list[ChildRelationship]
    parent_relationships: list[ParentRelationship]


class DescribedParameter(msgspec.Struct, omit_defaults=True):
    """A query parameter of the session analysis."""

    type: str
    default: str
    description: str
    enum_values: list[str] | UnsetType = UNSET
    min: int | UnsetType = UNSET
    max: int | UnsetType = UNSET


class MetadataMeta(msgspec.Struct):
    """How many types there are, and when any of them last changed."""

    total_record_types: int
    last_updated: datetime


class Metadata(msgspec.Struct):
    """All record types, and the parameters that the session analysis takes."""

    record_types: list[DescribedType]
    query_parameters: dict[str, DescribedParameter]
    meta: MetadataMeta


class TypeMeta(msgspec.Struct):
    """Counts around one type."""

    total_children: int
    total_siblings: int
    total_parents: int
    max_recommended_depth: int


class TypeMetadata(msgspec.Struct):
    """One record type, with queries to try."""

    record_type: str
    aliases: list[str]
    product: str
    event: str
    child_relationships: list[ChildRelationship]
    parent_relationships: list[ParentRelationship]
    examples: dict[str, str]
    meta: TypeMeta


class Health(msgspec.Struct):
    """Alive, or ready."""

    status: str
