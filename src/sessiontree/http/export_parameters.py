"""The parameters of exports: which format, and which fields of the records."""

from sessiontree.export import Form
from sessiontree.export.columns import Layout
from sessiontree.export.forms import FORMATS, chosen_fields, form
from sessiontree.export.lines import Csv, Ndjson
from sessiontree.export.parquet import ParquetMissing
from sessiontree.http.parameters import Parameters
from sessiontree.http.refusals import UNKNOWN_VALUE, RequestError
from sessiontree.store import Store

TREE_FORMATS = ("json", Csv.suffix, Ndjson.suffix)


def tree_form(parameters: Parameters, store: Store, account: str) -> Form | None:
    """The format of one session's answer; None for the usual JSON."""
    name = parameters.choice("format", TREE_FORMATS[0], TREE_FORMATS)
    if name == TREE_FORMATS[0]:
        return None
    layout = Layout(_fields(parameters, store, account), visitors=True)
    return Csv(layout) if name == Csv.suffix else Ndjson(layout)


def export_form(parameters: Parameters, store: Store, account: str, *, provider: str) -> Form:
    """The format of an export of many sessions."""
    name = parameters.choice("format", FORMATS[0], FORMATS)
    layout = Layout(_fields(parameters, store, account))
    try:
        return form(name, layout, catalog=store.catalog, account=account, provider=provider)
    except ParquetMissing as error:
        raise RequestError(400, UNKNOWN_VALUE, str(error), parameter="format") from None


def _fields(parameters: Parameters, store: Store, account: str) -> tuple[str, ...]:
    text = parameters.text("fields")
    if text is None:
        return ()
    try:
        return chosen_fields(text, store, account)
    except ValueError as error:
        raise RequestError(400, UNKNOWN_VALUE, f"fields {error}", parameter="fields") from None
