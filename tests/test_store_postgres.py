"""The store suite on PostgreSQL, and what only PostgreSQL can do wrong."""

from collections.abc import Iterator

import pytest

from sessiontree.catalog import Catalog
from sessiontree.store import Store, open_store
from sessiontree.store.suite import *  # noqa: F403
from sessiontree.store.suite import Opening, shipped


@pytest.fixture
def opening(postgres: str) -> Iterator[Opening]:
    opened: list[Store] = []

    def open_it(catalog: Catalog | None = None) -> Store:
        opened.append(open_store(postgres, catalog or shipped()))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()
