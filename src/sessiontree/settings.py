"""Settings: what an operator can choose, from one TOML file, the environment and the command line; the last wins.

Each setting is a field of `Settings`: `port` is SESSIONTREE_PORT in the environment and `port` in the file that
SESSIONTREE_CONFIG (or --config) names.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sessiontree.analysis import EVENTS_MAX
from sessiontree.elements import ELEMENT_BYTES_MAX
from sessiontree.errors import SessiontreeError

PREFIX = "SESSIONTREE_"
CONFIG = PREFIX + "CONFIG"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(message)s"
"""A server is several processes, which say what each of them meets."""
MIB = 1 << 20


class SettingsError(SessiontreeError):
    """A setting that is not known or has a value that cannot be."""


def _setting(default: Any, help: str, *, low: int | None = None, high: int | None = None) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default."""

    store: str = _setting("sessiontree.db", "where the records are: the path of a SQLite file, or a postgresql:// URL")
    host: str = _setting("127.0.0.1", "the address to serve on")
    port: int = _setting(8000, "the port to serve on; 0 takes a free one", low=0, high=65_535)
    workers: int = _setting(1, "how many processes serve", low=1, high=64)
    catalog: str = _setting("", "a folder of TOML files that add or replace record types")
    body_bytes_max: int = _setting(64 * MIB, "the largest request body, as sent", low=1)
    unpacked_bytes_max: int = _setting(512 * MIB, "the largest request body, unpacked", low=1)
    record_bytes_max: int = _setting(ELEMENT_BYTES_MAX, "the largest record", low=1)
    events_max: int = _setting(EVENTS_MAX, "the most events that one tree may have", low=1)
    open_hours: int = _setting(24, "for how long an event without a finish counts as in progress", low=0, high=87_600)
    settle_minutes: int = _setting(
        10, "for how long after its last record a finished session counts as settling", low=0, high=525_600
    )
    provider: str = _setting("Telnyx", "who bills the records, unless their type says it: for exports in FOCUS")
    requests_per_second: int = _setting(0, "how many requests one key may make a second; 0 is no limit", low=0)
    log_level: str = _setting("info", f"what to log: one of {', '.join(LOG_LEVELS)}")


def load(
    given: Mapping[str, Any] | None = None, *, config: str | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings of the file, then the environment, then those given (None: not given).

    Raises SettingsError, in one sentence, for an unknown name or a value that cannot be.
    """
    path = config or environ.get(CONFIG)
    values = _from_file(Path(path)) if path else {}
    values |= _from_environment(environ)
    values |= {name: value for name, value in (given or {}).items() if value is not None}
    known = {each.name: each for each in fields(Settings)}
    return Settings(**{name: _checked(known[name], value, name) for name, value in values.items()})


def environment_name(setting: str) -> str:
    """What a setting is called in the environment."""
    return PREFIX + setting.upper()


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    unknown = sorted(values.keys() - {each.name for each in fields(Settings)})
    if unknown:
        raise SettingsError(f"{path}: {unknown[0]!r} is no setting: there are {', '.join(_names())}")
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """A variable that is empty counts as not set. Others may share the prefix; a misspelt setting is refused."""
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in _names():
            near = difflib.get_close_matches(name, _names(), n=1, cutoff=0.75)
            if near:
                raise SettingsError(f"{variable} is no setting: {environment_name(near[0])} may be meant")
    return {name: environ[environment_name(name)] for name in _names() if environ.get(environment_name(name))}


def _names() -> list[str]:
    return [each.name for each in fields(Settings)]


def _checked(setting: Any, value: Any, name: str) -> Any:
    if setting.type is int or setting.type == "int":
        return _integer(value, name, setting.metadata)
    if not isinstance(value, str):
        raise SettingsError(f"the setting {name} is text, not {value!r}")
    if name == "log_level" and value not in LOG_LEVELS:
        raise SettingsError(f"the setting log_level is one of {', '.join(LOG_LEVELS)}, not {value!r}")
    return value


def _integer(value: Any, name: str, bounds: Mapping[str, Any]) -> int:
    text = str(value)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
    low, high = bounds["low"], bounds["high"]
    if number is None or isinstance(value, bool) or number < low or (high is not None and number > high):
        reach = f"from {low} on" if high is None else f"from {low} to {high}"
        raise SettingsError(f"the setting {name} is a whole number {reach}, not {value!r}")
    return number
