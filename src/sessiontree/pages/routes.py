"""The paths of all pages. The server adds them to those of the API."""

from sessiontree.http.routes import Handler
from sessiontree.pages import (
    api_docs,
    catalogue,
    elements,
    finding,
    imports,
    keys,
    records,
    session,
    session_list,
    signing,
    spend,
    static_files,
    unfit,
)
from sessiontree.pages.visits import for_visits


def page_routes() -> list[tuple[str, str, Handler]]:
    """Method, path and handler of every page."""
    return [
        ("GET", "/", signing.front),
        ("GET", "/sign-in", signing.sign_in_page),
        ("POST", "/sign-in", signing.sign_in),
        ("POST", "/sign-out", for_visits(None, signing.sign_out)),
        ("GET", "/find", for_visits("read", finding.find)),
        ("GET", "/sessions", for_visits("read", session_list.sessions)),
        ("GET", "/sessions/news", for_visits("read", session_list.news)),
        ("GET", "/sessions/{record_type}/{event_id}", for_visits("read", session.session_page)),
        ("GET", "/sessions/{record_type}/{event_id}/rows", for_visits("read", session.session_rows)),
        ("GET", "/sessions/{record_type}/{event_id}/details", for_visits("read", session.session_details)),
        ("GET", "/records", for_visits("read", records.records)),
        ("GET", "/records/{record_type}/{event_id}", for_visits("read", records.record)),
        ("GET", "/catalogue", for_visits("read", catalogue.catalogue)),
        ("GET", "/catalogue/{record_type}", for_visits("read", catalogue.record_type)),
        ("GET", "/imports", for_visits("read", imports.imports)),
        ("GET", "/imports/{id}/undo", for_visits("admin", imports.undoing)),
        ("POST", "/imports/{id}/undo", for_visits("admin", imports.undo)),
        ("GET", "/keys", for_visits("admin", keys.keys)),
        ("POST", "/keys", for_visits("admin", keys.make)),
        ("GET", "/keys/{prefix}/revoke", for_visits("admin", keys.revoking)),
        ("POST", "/keys/{prefix}/revoke", for_visits("admin", keys.revoke)),
        ("GET", "/spend", for_visits("read", spend.spend)),
        ("GET", "/unlinked", for_visits("read", unfit.unlinked)),
        ("GET", "/problems", for_visits("read", unfit.problems)),
        ("GET", "/docs", api_docs.api_docs),
        ("GET", "/elements", for_visits(None, elements.elements)),
        ("GET", "/favicon.ico", static_files.icon),
        ("GET", "/static/{version}/{name}", static_files.static_file),
    ]
