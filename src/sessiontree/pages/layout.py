"""What all pages share: the frame around them with its navigation, and making HTML of a template."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from starlette.responses import Response

from sessiontree import calling
from sessiontree.http.routes import Call
from sessiontree.pages import shown, static_files
from sessiontree.pages.sending import answer, cookie
from sessiontree.pages.sign_ins import SignIn
from sessiontree.pages.visits import Visit

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation, and what a key must allow to see it."""

    title: str
    path: str
    scope: str | None = "read"


PLACES = (
    Place("Sessions", "/sessions"),
    Place("Spend", "/spend"),
    Place("Unlinked", "/unlinked"),
    Place("Problems", "/problems"),
    Place("Records", "/records"),
    Place("Catalogue", "/catalogue"),
    Place("Imports", "/imports"),
    Place("Keys", "/keys", "admin"),
    Place("API", "/docs", None),
)


def page(visit: Visit, template: str, **values: Any) -> Response:
    """A page for somebody who is signed in."""
    return framed(visit.call, template, visit=visit, **values)


def framed(
    call: Call,
    template: str,
    *,
    visit: Visit | None = None,
    sign_in: SignIn | None = None,
    status: int = 200,
    **values: Any,
) -> Response:
    """A page in its frame, also for somebody who is not signed in.

    `sign_in` alone: somebody is, but what their key allows cannot be found out just now.
    """
    scopes = visit.key.scopes if visit else ("read",) if sign_in else None
    theme = cookie(call.scope, "theme")
    text = render(
        template,
        visit=visit,
        sign_in=visit.sign_in if visit else sign_in,
        may_find=scopes is not None and "read" in scopes,
        places=[place for place in PLACES if scopes is not None and (place.scope is None or place.scope in scopes)],
        here=call.scope["path"],
        theme=theme if theme in THEMES else "",
        **values,
    )
    return answer(call.scope, text, status=status)


def fragment(visit: Visit, template: str, **values: Any) -> Response:
    """A part of a page, for its script."""
    return answer(visit.call.scope, render(template, visit=visit, **values))


def render(template: str, **values: Any) -> bytes:
    """A template with values, as HTML."""
    return _environment().get_template(template).render(values).encode("utf-8", "replace")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sessiontree.pages"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["static"] = f"/static/{static_files.version()}"
    environment.globals["program"] = calling.name()
    environment.filters |= shown.FILTERS
    return environment
