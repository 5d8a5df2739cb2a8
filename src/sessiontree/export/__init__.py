"""Exports: the events of sessions as rows, for spreadsheets and warehouses.

Follow `Export.chunks`: the events of each tree (`columns`) are written in some format (`lines`, `parquet`, `focus`) and
counted (`tally`), and the end says what they add up to. Which sessions there are is up to the caller. Nothing larger
than one tree is held, and an export that breaks off has no end.
"""

from collections.abc import Generator, Iterable, Iterator
from typing import Protocol

from sessiontree.export.columns import Layout, Place
from sessiontree.export.tally import Tally
from sessiontree.tree import Tree

CHUNK_BYTES = 1 << 16


class Form(Protocol):
    """A format: what it writes for the beginning, for an event (nothing, when that is kept back) and for the end."""

    layout: Layout
    media_type: str
    suffix: str

    def begin(self) -> bytes:
        """What comes before the rows."""

    def row(self, place: Place) -> bytes | None:
        """What is written for an event; None if it has no row."""

    def end(self, tally: Tally) -> bytes:
        """What comes after the rows and says that they are all."""


class Export:
    """One export on its way; `tally` is what it comes to so far."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.tally = Tally()

    def chunks(self, trees: Iterable[Tree]) -> Generator[bytes, None, None]:
        """The export in pieces of some 64 KiB. Lets go of each tree (`Tree.release`) once it is written."""
        held = [self._form.begin()]
        size = len(held[0])
        for tree in trees:
            for row in self._rows(tree):
                held.append(row)
                size += len(row)
                if size >= CHUNK_BYTES:
                    yield b"".join(held)
                    held, size = [], 0
            tree.release()
        held.append(self._form.end(self.tally))
        yield b"".join(held)

    def _rows(self, tree: Tree) -> Iterator[bytes]:
        layout = self._form.layout
        for place in layout.places(tree):
            row = self._form.row(place)
            if row is not None:
                self.tally.row(place.node)
                yield row
        self.tally.session(tree, visitors=layout.visitors)
