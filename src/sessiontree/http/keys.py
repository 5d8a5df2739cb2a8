"""The keys of an account over HTTP: listing, making and revoking them, always for the account of the key that asks.

The web page about keys calls the same functions.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar, get_args

import msgspec
from starlette.responses import Response

from sessiontree.http import key_answers as answers
from sessiontree.http.bodies import read_body
from sessiontree.http.refusals import BAD_REQUEST, FORBIDDEN, NOT_FOUND, UNKNOWN_VALUE, RequestError
from sessiontree.http.routes import Call, json_answer
from sessiontree.http.service import Service
from sessiontree.keys import KeyRefused, make_key, parse_expiry, state_of
from sessiontree.store import ApiKey

BODY_BYTES_MAX = 16_384
SCOPES: tuple[answers.Scope, ...] = get_args(answers.Scope)
_PLACE = re.compile(r" - at `\$\.?(\w*)")
T = TypeVar("T")


async def list_keys(call: Call) -> Response:
    """All keys of the account, by their prefixes."""
    return json_answer(answers.Keys(await keys_of(call.service, call.account)))


async def create_key(call: Call) -> Response:
    """Make a key. This answer is the only place where it ever stands."""
    made = await made_key(call, _asked(await read_body(call, BODY_BYTES_MAX, media_type="application/json")))
    answer = json_answer(answers.MadeKeyAnswer(made))
    answer.status_code = 201
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def revoke_key(call: Call) -> Response:
    """Revoke a key of the account; one that is revoked already stays as it is."""
    return json_answer(answers.KeyAnswer(await revoked_key(call, call.names[0])))


async def keys_of(service: Service, account: str) -> list[answers.Key]:
    """All keys of an account, the oldest first."""
    now = datetime.now(UTC)
    found = await service.in_thread(lambda: service.store.keys(account))
    return [_shown(service, key, now) for key in found]


async def made_key(call: Call, asked: answers.NewKey) -> answers.MadeKey:
    """A new key of the caller's account, kept. Raises RequestError for one that cannot be or that they may not make."""
    assert call.key is not None, "routes that make keys have a scope"
    if missing := [scope for scope in asked.scopes if scope not in call.key.scopes]:
        text = f"the key that asks lacks the scope {missing[0]} itself, so it cannot make one that has it"
        raise RequestError(403, FORBIDDEN, text, pointer="/scopes")
    now, service, account = datetime.now(UTC), call.service, call.account
    expires = None if asked.expires is None else _read("expires", parse_expiry, asked.expires, now)
    text, key = _read(
        "name", lambda: make_key(account=account, scopes=frozenset(asked.scopes), name=asked.name, expires=expires)
    )
    await _write(service, lambda: service.store.add_key(key))
    return answers.MadeKey(**msgspec.structs.asdict(_shown(service, key, now)), key=text)


async def revoked_key(call: Call, prefix: str) -> answers.Key:
    """A key of the caller's account, revoked. Raises RequestError if there is none."""
    service, now = call.service, datetime.now(UTC)
    revoked = await _write(service, lambda: service.store.revoke_key(prefix, now, call.account))
    if revoked is None:
        raise RequestError(404, NOT_FOUND, "there is no key with this prefix; list the keys to see which there are")
    service.keys.forget()
    return _shown(service, revoked, now)


def _asked(body: bytes) -> answers.NewKey:
    try:
        return msgspec.json.decode(body, type=answers.NewKey)
    except msgspec.ValidationError as error:
        match = _PLACE.search(str(error))
        pointer = f"/{match[1]}" if match and match[1] else None
        raise RequestError(400, BAD_REQUEST, f"the body is no key to be made: {error}", pointer=pointer) from None
    except ValueError as error:
        raise RequestError(400, BAD_REQUEST, f"the body is not JSON: {error}") from None


def _read(field: str, work: Callable[..., T], *arguments: object) -> T:
    try:
        return work(*arguments)
    except KeyRefused as error:
        raise RequestError(400, UNKNOWN_VALUE, str(error), pointer=f"/{field}") from None


async def _write(service: Service, work: Callable[[], T]) -> T:
    """What work in the writer's thread answers."""
    return await service.write(lambda add: work())


def _shown(service: Service, key: ApiKey, now: datetime) -> answers.Key:
    return answers.Key(
        prefix=key.prefix,
        name=key.name,
        scopes=[scope for scope in SCOPES if scope in key.scopes],
        state=state_of(key, now),
        created_at=key.created,
        expires_at=key.expires,
        last_used_at=service.uses.of(key),
        revoked_at=key.revoked,
    )
