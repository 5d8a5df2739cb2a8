"""The formats of exports by name, and the record fields that an export can be asked for."""

from collections.abc import Sequence

from sessiontree.catalog import Catalog
from sessiontree.export import Form
from sessiontree.export.columns import Layout
from sessiontree.export.focus import Focus
from sessiontree.export.lines import Csv, Ndjson
from sessiontree.export.parquet import Parquet
from sessiontree.store import Store

FORMATS = ("csv", "ndjson", "parquet", "focus")
FIELDS_MAX = 100


def form(name: str, layout: Layout, *, catalog: Catalog, account: str, provider: str) -> Form:
    """The format of this name (one of FORMATS). Raises ParquetMissing where that cannot be written."""
    match name:
        case "csv":
            return Csv(layout)
        case "ndjson":
            return Ndjson(layout)
        case "parquet":
            return Parquet(layout)
    return Focus(layout, catalog=catalog, account=account, provider=provider)


def chosen_fields(text: str, store: Store, account: str) -> tuple[str, ...]:
    """The record fields of a list with commas between, each once.

    Raises ValueError, which says what is wrong, for a field that no type declares and no record of the account has.
    """
    names = tuple(dict.fromkeys(text.split(",")))
    if len(names) > FIELDS_MAX:
        raise ValueError(f"names {len(names)} fields; at most {FIELDS_MAX} can be exported at once")
    unknown = _not_shown(_not_declared(names, store.catalog), store, account)
    if unknown:
        raise ValueError(f"names {unknown[0]!r}, a field that no record type has; put commas between the names")
    return names


def _not_declared(names: Sequence[str], catalog: Catalog) -> list[str]:
    declared = {name for each in catalog.types.values() for name in each.fields}
    return [name for name in names if name not in declared]


def _not_shown(names: Sequence[str], store: Store, account: str) -> list[str]:
    shown = {field for type in store.catalog.types for field in store.fields(account, type)} if names else set()
    return [name for name in names if name not in shown]
