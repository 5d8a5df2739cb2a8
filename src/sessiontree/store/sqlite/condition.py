"""The condition of a SQLite store: the file by itself, and its tables held against those of a new one."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from sessiontree.errors import StoreError
from sessiontree.store.condition import Condition
from sessiontree.store.parts import half_copies
from sessiontree.store.sqlite.opening import APPLICATION_ID, OLDEST_VERSION, SCHEMA_VERSION, sentence

_DAMAGES = 10  # that are told
_MASTER = "select type || ' ' || name, sql from sqlite_master where sql is not null"


def look(path: Path) -> Condition:
    """The condition of a file. Raises StoreError if it is none of ours, or cannot be read."""
    if not path.exists():
        raise StoreError(f"{path} does not exist: name the store with --store")
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return _look(path, db)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreError(sentence(path, error)) from error


def _look(path: Path, db: sqlite3.Connection) -> Condition:
    if db.execute("pragma application_id").fetchone() != (APPLICATION_ID,):
        raise StoreError(f"{path} is not a Sessiontree file: name another with --store")
    (version,) = db.execute("pragma user_version").fetchone()
    (size,) = db.execute("select page_count * page_size from pragma_page_count, pragma_page_size").fetchone()
    found = Condition([("file", f"{size:,} bytes, SQLite {sqlite3.sqlite_version}"), ("schema", f"version {version}")])
    if OLDEST_VERSION <= version < SCHEMA_VERSION:
        found.faults.append(f"the schema has version {version}: any other command brings it to {SCHEMA_VERSION}")
        return found
    if version != SCHEMA_VERSION:
        found.faults.append(f"the schema has version {version}, and this program {SCHEMA_VERSION}")
        return found
    if db.execute(half_copies.READ).fetchone():
        found.faults.append(half_copies.refusal("the file", half_copies.DELETE))
    missing = sorted(_expected().items() - db.execute(_MASTER).fetchall())
    found.faults += [f"the {name} is missing, or another: restore a backup" for name, _ in missing]
    damages = [text for (text,) in db.execute(f"pragma integrity_check({_DAMAGES})") if text != "ok"]
    found.faults += [f"the file is damaged ({text}): restore a backup" for text in damages]
    found.facts.append(("tables", f"{len(missing)} missing, {len(damages)} damages"))
    return found


def _expected() -> dict[str, str]:
    """The tables, indexes and triggers of a new store."""
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(files("sessiontree.store.sqlite").joinpath("schema.sql").read_text())
        return dict(db.execute(_MASTER).fetchall())
    finally:
        db.close()
