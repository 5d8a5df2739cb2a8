"""Where tests keep their stores: files of their own or, with `--postgres`, databases of a PostgreSQL server.

A test that works with either takes the fixture `where` (the place of one new store, for `open_store` and `--store`),
or `new_store` for several of them, or for one that lives as long as a module's fixture. With `--postgres` nothing else
is run: other tests would do the same again. A test about a SQLite file itself is marked `sqlite_only`, with the reason.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest
from psycopg import sql

from conftest import until
from sessiontree.store.names import is_postgres
from sessiontree.store.postgres.opening import APPLICATION

if TYPE_CHECKING:
    from postgres import Databases

_OURS = "select count(*) from pg_stat_activity where datname = current_database() and application_name = %s"
NEW_STORE = "new_store"
MARK = "sqlite_only"


class NewStore(Protocol):
    """Gives the place of a new store for as long as a `with` lasts; a file is in this folder, or in one of its own."""

    def __call__(self, folder: Path | None = None) -> AbstractContextManager[str]: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that has the tests use PostgreSQL."""
    parser.addoption("--postgres", action="store_true", help="run what works on either store over PostgreSQL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--postgres`, keep what it makes a difference to."""
    if not config.getoption("--postgres"):
        return
    about = {item: item.get_closest_marker(MARK) for item in items}
    left_out = [item for item in items if not about[item] and NEW_STORE not in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    for item in items:
        if mark := about[item]:
            item.add_marker(pytest.mark.skip(reason=f"about SQLite: {mark.args[0]}"))


@pytest.fixture(scope="session")
def new_store(request: pytest.FixtureRequest) -> NewStore:
    """Gives places of new stores."""
    if not request.config.getoption("--postgres"):
        return in_file
    databases: Databases = request.getfixturevalue("databases")
    return lambda folder=None: databases.one()


@contextmanager
def in_file(folder: Path | None = None) -> Iterator[str]:
    """The place of a new SQLite file."""
    if folder is None:
        with TemporaryDirectory() as name, in_file(Path(name)) as where:
            yield where
        return
    folder.mkdir(exist_ok=True)
    path = folder / "store.db"
    assert not path.exists(), "a store for each: name another folder"
    yield str(path)


@pytest.fixture
def where(new_store: NewStore, tmp_path: Path) -> Iterator[str]:
    """The place of a new store: nothing is there before the test opens it, or an empty store."""
    with new_store(tmp_path) as where:
        yield where


def is_closed(where: str) -> bool:
    """Whether everybody who had a store open has let go of it properly."""
    if not is_postgres(where):
        return not Path(f"{where}-wal").exists()
    with psycopg.connect(where) as db:
        (ours,) = db.execute(_OURS, [APPLICATION]).fetchone() or (0,)
        return ours == 0


def let_go(where: str) -> None:
    """Wait until nobody has a store open any more: a server finishes what those that were killed had asked of it."""
    if is_postgres(where):
        until(lambda: is_closed(where))


def heard(where: str, true: Callable[[], bool]) -> None:
    """Assert what follows of keys that another process changed: at once; by PostgreSQL it is told a moment later."""
    if is_postgres(where):
        until(true)
    assert true()


def held_by(where: str) -> bytes:
    """All that a store holds."""
    if not is_postgres(where):
        return b"".join(path.read_bytes() for path in Path(where).parent.glob(f"{Path(where).name}*"))
    with psycopg.connect(where) as db:
        named = db.execute(
            "select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'"
        )
        tables = [sql.Identifier(name) for (name,) in named]
        held = []
        for table in tables:
            statement = sql.SQL("copy {} to stdout (format binary)").format(table)
            with db.cursor().copy(statement) as rows:
                held += [bytes(row) for row in rows]
        return b"".join(held)
