"""Every page in each of its states, for tests that go through them all, and the records that bring those about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from page_help import ASSISTANT, GUIDE_CALL, example

HOSTILE_ID = "<img src=x onerror=alert(1)>"
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><b>'\"&amp;",
    "\u202eevil.example\u202c שלום עולם مرحبا",
    "🧾👩‍👩‍👧 " * 20,
    "long " * 1000 + "x" * 5000,
]
HOSTILE_SESSION = f"/sessions/recording/{quote(HOSTILE_ID, safe='')}"
LONG = "/sessions/call-session/tour"
WITHOUT_SIGN_IN = ("/sign-in", "/docs", "/nothing-here")
LISTS = ("/sessions", "/spend", "/unlinked", "/problems", "/records", "/imports")
ERRORS = ("/nothing-here", "/sessions/fax/a", "/sessions?sort=colour", "/keys/nothing/revoke")
EMPTY = (*LISTS, "/catalogue", "/catalogue/amd", "/find")


def records() -> list[dict[str, Any]]:
    """Examples, a session under way with a long run and two currencies, and records that hold what they can."""
    common = {"telnyx_session_id": "tour", "telnyx_leg_id": "tour-leg"}
    start = datetime.now(UTC) - timedelta(hours=2)
    turns = [
        {"record_type": "inference", "id": f"tour-{n}", "conversation_id": "tour-talk", "cost": "0.0000001"}
        | {"created_at": (start + timedelta(seconds=n)).isoformat()}
        for n in range(40)
    ]
    hostile = {f"note{at}": value for at, value in enumerate(HOSTILE)}
    hostile |= {HOSTILE[0]: HOSTILE[2], "direction": HOSTILE[2]}
    return [
        *(record for name in ("ai-call", "unlinked", "two-legs") for record in example(name)),
        {"record_type": "call-control", "id": "tour-leg", "start_time": start.isoformat(), **common},
        {"record_type": "ai-voice-assistant", "id": "tour-ai", "conversation_id": "tour-talk", "cost": "1", **common},
        {"record_type": "recording", "id": "tour-yen", "cost": "12", "currency": "JPY", **common},
        *turns,
        {"record_type": "recording", "id": HOSTILE_ID, "cost": "-1.5", "currency": "EUR", **hostile},
        {"record_type": "message", "uuid": "tour-message", "cost": "0.25", "created_at": start.isoformat()},
    ]


def paths(get: Callable[[str], Any], prefix: str) -> list[str]:
    """The pages of somebody who may do everything. `get` asks the API; `prefix` is that of a key."""
    (latest, *_) = get("/v2/imports").json()["data"]
    return [
        "/sessions",
        "/sessions?sort=-total&filter[product]=inference&filter[direction]=inbound",
        "/sessions?filter[total][gt]=1000000",
        GUIDE_CALL,
        f"{GUIDE_CALL}?event={ASSISTANT}&sort=cost",
        f"{GUIDE_CALL}?filter=inference",
        f"{GUIDE_CALL}?event=fax/none",
        f"/sessions/{ASSISTANT}",
        LONG,
        f"{LONG}?open=ai-voice-assistant/tour-ai/inference&first=0",
        HOSTILE_SESSION,
        "/spend",
        "/spend?group_by=month,record_type",
        "/spend?group_by=product",
        "/spend?group_by=day&filter[currency]=CHF",
        "/unlinked",
        "/problems",
        "/find",
        "/find?id=tour-talk",
        "/find?id=nothing",
        "/records",
        "/records?filter[record_type]=inference&sort=-cost",
        f"/records/recording/{quote(HOSTILE_ID, safe='')}",
        f"/records/{ASSISTANT}",
        "/catalogue",
        "/catalogue/call-control",
        "/catalogue/call-session",
        "/imports",
        "/imports?filter[source]=http",
        "/imports?filter[source]=file",
        f"/imports/{latest['id']}/undo",
        "/keys",
        f"/keys/{prefix}/revoke",
        "/docs",
        "/elements",
        *ERRORS,
    ]
