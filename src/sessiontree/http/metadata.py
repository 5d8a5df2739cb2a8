"""What the API tells about the catalogue: its record types, how they relate, and the parameters of the analysis.

Both directions of a relationship come from its one declaration.
"""

from urllib.parse import quote

from sessiontree.catalog import Catalog, RecordType, Relationship
from sessiontree.http.answers import (
    ChildRelationship,
    DescribedParameter,
    DescribedType,
    Metadata,
    MetadataMeta,
    ParentRelationship,
    TypeMeta,
    TypeMetadata,
)
from sessiontree.wire import ViaFields

DEPTH_DEFAULT, DEPTH_MIN, DEPTH_MAX = 2, 1, 5
EVENT_ID = "{event_id}"
EXPAND = ("record", "none")
PARAMETERS = {
    "include_children": DescribedParameter(
        "boolean", "true", "Whether the events below are sent too. Costs and counts always include them."
    ),
    "max_depth": DescribedParameter(
        "integer",
        str(DEPTH_DEFAULT),
        "How many levels below the event are sent. Costs and counts are those of the whole tree.",
        min=DEPTH_MIN,
        max=DEPTH_MAX,
    ),
    "expand": DescribedParameter(
        "string", EXPAND[0], "Whether each event carries its record as received.", enum_values=list(EXPAND)
    ),
    "date_time": DescribedParameter(
        "string",
        "",
        "About when the event was, as an ISO 8601 date (that day in UTC, and a day on either side) or time "
        "(24 hours either way; UTC where it has no zone). An event outside is not found.",
    ),
}


def all_types(catalog: Catalog) -> Metadata:
    """Every record type."""
    types = [_described(catalog, catalog.types[name]) for name in sorted(catalog.types)]
    return Metadata(types, PARAMETERS, MetadataMeta(len(types), catalog.updated))


def one_type(catalog: Catalog, declared: RecordType, example_id: str) -> TypeMetadata:
    """One record type; its examples ask for the event of `example_id`."""
    described = _described(catalog, declared)
    meta = TypeMeta(
        total_children=len(described.child_relationships),
        total_siblings=len(catalog.siblings(declared.name)),
        total_parents=len(described.parent_relationships),
        max_recommended_depth=max(1, catalog.depth_below(declared.name)),
    )
    return TypeMetadata(
        described.record_type,
        described.aliases,
        described.product,
        described.event,
        described.child_relationships,
        described.parent_relationships,
        _examples(declared.name, example_id, min(meta.max_recommended_depth, DEPTH_MAX)),
        meta,
    )


def _examples(name: str, id: str, depth: int) -> dict[str, str]:
    """Queries about an event; `id` is EVENT_ID where there is none yet to show."""
    value = id if id == EVENT_ID else quote(id, safe="")
    event = f"/v2/session_analysis/{name}/{value}"
    return {
        "event": event,
        "whole_tree": f"{event}?max_depth={depth}",
        "costs_only": f"{event}?max_depth={depth}&expand=none",
        "event_alone": f"{event}?include_children=false",
        "records": f"/v2/detail_records?record_type={name}&id={value}",
    }


def _described(catalog: Catalog, declared: RecordType) -> DescribedType:
    return DescribedType(
        declared.name,
        list(declared.aliases),
        declared.product,
        declared.event,
        declared.description,
        [_child(catalog, relationship) for relationship in catalog.children[declared.name]],
        [_parent(catalog, relationship) for relationship in declared.parents],
    )


def _child(catalog: Catalog, relationship: Relationship) -> ChildRelationship:
    child = catalog.types[relationship.child]
    via, *fallbacks = _vias(relationship)
    return ChildRelationship(
        "child_of", via, fallbacks, True, True, relationship.description, child.product, child.event, child.name
    )


def _parent(catalog: Catalog, relationship: Relationship) -> ParentRelationship:
    parent = catalog.types[relationship.parent]
    via, *fallbacks = _vias(relationship)
    return ParentRelationship(
        "parent_of", via, fallbacks, True, True, relationship.description, parent.product, parent.event, parent.name
    )


def _vias(relationship: Relationship) -> list[ViaFields]:
    return [ViaFields(via.local_field, via.parent_field) for via in relationship.via]
