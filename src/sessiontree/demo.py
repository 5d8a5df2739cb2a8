"""The demo: a store with example sessions in it, and what to try with them. Making the records is in `demo_data`."""

import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import msgspec

from sessiontree import calling, demo_data
from sessiontree.errors import SessiontreeError
from sessiontree.keys import DEFAULT_ACCOUNT, SCOPES, make_key
from sessiontree.reading import Reader
from sessiontree.store import Store
from sessiontree.store.intakes import Origin, Share, new_id

STORE = "sessiontree-demo.db"
KEY_DAYS = 7
RECEIVED_BEFORE = timedelta(hours=1)
"""As if the records had come so long ago: sessions that have just been received are all still settling."""
START = "/sessions"
"""The page that the demo opens on."""


class DemoRefused(SessiontreeError):
    """A store that the demo is not to be put into."""


def load(store: Store, now: datetime) -> bool:
    """Put the demo's records into a store, in one transaction, unless they are there; whether they had to be.

    Raises DemoRefused when the store holds other records: made-up calls do not belong among somebody's own.
    """
    if store.history(DEFAULT_ACCOUNT, *demo_data.GUIDE_EVENT):
        return False
    if store.count():
        raise DemoRefused("the store holds records of your own: name a new file for the demo with --store")
    bodies = [*demo_data.example_records(), *map(msgspec.json.encode, demo_data.generated_records(now))]
    reader = Reader(store.catalog)
    origin = Origin(new_id(), files="demo")
    received = now - RECEIVED_BEFORE
    store.add(DEFAULT_ACCOUNT, [reader.read(body) for body in bodies], received, [Share(origin, len(bodies))])
    return True


def new_key(store: Store) -> str:
    """A key to try the demo with, for some days: every start makes another."""
    text, key = make_key(
        scopes=frozenset(SCOPES), name=f"demo of {datetime.now(UTC):%Y-%m-%d %H:%M}", expires=timedelta(days=KEY_DAYS)
    )
    store.add_key(key)
    return text


def invitation(*, url: str, once: str, key: str, store: str) -> Iterator[str]:
    """What to try, line by line; every command works when pasted into a shell in the present folder.

    `once` is the token of the link that signs in to the pages.
    """
    path = f"/v2/session_analysis/call-session/{demo_data.GUIDE_SESSION}"
    yield f"Sessiontree is ready, with example sessions in {store}"
    yield ""
    yield f"  Open     {url}/sign-in?once={once}"
    yield "           in a browser: it signs you in, once and within ten minutes; later, sign in with the key"
    yield f"  Address  {url}   (documentation: {url}/docs)"
    yield f"  Key      {key}"
    yield ""
    yield "Try in another terminal, in this folder. The call of the guide, over HTTP:"
    yield ""
    yield f"  curl -H 'Authorization: Bearer {key}' '{url}{path}?max_depth=5'"
    yield ""
    yield "the same with the official Python client:"
    yield ""
    python = shlex.quote(calling.short(Path(sys.executable)))
    if find_spec("telnyx") is None:
        yield f"  {python} -m pip install --quiet telnyx"
    yield f"  {python} -c 'import telnyx"
    yield f'client = telnyx.Telnyx(api_key="{key}", base_url="{url}/v2")'
    asked = f'"{demo_data.GUIDE_SESSION}", record_type="call-session", max_depth=5'
    yield f"session = client.session_analysis.retrieve({asked})"
    yield "print(session.cost.total, session.cost.currency, session.meta.event_count)'"
    yield ""
    yield "and as a tree:"
    yield ""
    yield f"  {calling.program()} tree --store {shlex.quote(store)} call-session {demo_data.GUIDE_SESSION}"
    yield ""
    yield f"Ctrl+C stops it. The key works for {KEY_DAYS} days; each start prints a new one."
