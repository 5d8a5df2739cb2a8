"""From the bytes of a request body to records, piece by piece: unpacking, cutting, reading, counting what became.

Nothing larger than a piece or a batch is held. Who sends the pieces and who stores the batches is not known here.
"""

import zlib
from collections.abc import Iterator, Sequence

from sessiontree.elements import Element, Elements, Lines
from sessiontree.errors import RecordRejected, SessiontreeError
from sessiontree.http.answers import IngestSummary, RejectedRecord
from sessiontree.reading import Reader
from sessiontree.record import Record
from sessiontree.store import Outcome

BATCH_RECORDS = 4000
BATCH_BYTES = 4 << 20
ERRORS_MAX = 1000
_UNPACKED_PIECE_BYTES = 1 << 20


class BrokenBody(SessiontreeError):
    """A body that cannot be read on from some place; the whole records before it count."""


class BodyTooLarge(SessiontreeError):
    """A body beyond a limit; the records before the limit count."""


class Plain:
    """A body that is sent as it is."""

    def __init__(self, *, bytes_max: int) -> None:
        self._left = bytes_max

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The piece, unless the limit is passed."""
        self._left -= len(piece)
        if self._left < 0:
            raise BodyTooLarge("the body is larger than allowed once unpacked; send it in parts")
        yield piece

    def finish(self) -> None:
        """Nothing can be missing."""


class Gunzip(Plain):
    """A body that is packed with gzip, also in several members; unpacked in small pieces, so that no bomb goes off."""

    def __init__(self, *, bytes_max: int) -> None:
        super().__init__(bytes_max=bytes_max)
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._member.eof:
                piece = piece.lstrip(b"\0")  # padding between and after members is allowed
                if not piece:
                    return
                self._member = zlib.decompressobj(wbits=31)
            self._begun = True
            try:
                unpacked = self._member.decompress(piece, _UNPACKED_PIECE_BYTES)
            except zlib.error as error:
                raise BrokenBody(f"the body is not sound gzip: {error}") from None
            yield from super().feed(unpacked)
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise BrokenBody("the gzip data breaks off before its end")


class Body:
    """Takes in one body: feed it pieces, store the batches that come out, note their outcomes.

    `record_type` names the type of every record; without it each record names its own.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        lines: bool,
        packed: bool,
        record_type: str | None = None,
        unpacked_bytes_max: int,
        record_bytes_max: int,
    ) -> None:
        self._reader = reader
        self._record_type = record_type
        self._unpack = (Gunzip if packed else Plain)(bytes_max=unpacked_bytes_max)
        self._cut: Lines | Elements = (Lines if lines else Elements)(record_bytes_max)
        self._record_bytes_max = record_bytes_max
        self._records: list[Record] = []
        self._full: list[list[Record]] = []
        self._bytes = 0
        self._outcomes = dict.fromkeys(Outcome, 0)
        self.received = 0
        self.rejected = 0
        self._told = 0
        self.noted = False
        self.errors: list[RejectedRecord] = []

    def feed(self, piece: bytes) -> None:
        """Read the records that end in this piece. Raises BrokenBody or BodyTooLarge; what came before counts."""
        for unpacked in self._unpack.feed(piece):
            self._bytes += len(unpacked)
            self._read(self._cut.feed(unpacked))
            if self._bytes >= BATCH_BYTES:
                self._close_batches(rest=True)

    def finish(self) -> None:
        """Read what the end of the body completes. Raises BrokenBody when the end is missing."""
        self._unpack.finish()
        self._read(self._cut.finish())

    def take(self, *, rest: bool = False) -> list[list[Record]]:
        """The batches that are full and were not taken yet; with `rest`, all that has been read."""
        self._close_batches(rest=rest)
        full, self._full = self._full, []
        return full

    def _close_batches(self, *, rest: bool) -> None:
        """Cut what has been read into batches; what does not fill one stays for the next, unless it is the `rest`."""
        while len(self._records) >= BATCH_RECORDS or (rest and self._records):
            self._full.append(self._records[:BATCH_RECORDS])
            del self._records[:BATCH_RECORDS]
            self._bytes = 0

    def take_rejected(self) -> int:
        """How many records were rejected since this was last asked."""
        count, self._told = self.rejected - self._told, self.rejected
        return count

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Count what became of a batch."""
        self.noted = True
        for outcome in self._outcomes:
            self._outcomes[outcome] += outcomes.count(outcome)

    def summary(self, import_id: str | None = None) -> IngestSummary:
        """What became of all records so far; with the id of the import, once there is one."""
        counts = self._outcomes
        created, updated, unchanged = counts[Outcome.CREATED], counts[Outcome.UPDATED], counts[Outcome.UNCHANGED]
        known = import_id if self.noted else None
        return IngestSummary(self.received, created, updated, unchanged, self.rejected, self.errors, known)

    def _read(self, elements: Iterator[Element]) -> None:
        read, record_type, keep = self._reader.read, self._record_type, self._records.append
        for element in elements:
            if not element.whole:
                raise BodyTooLarge(f"record {self.received} is larger than {self._record_bytes_max} bytes")
            try:
                keep(read(element.body, record_type))
            except RecordRejected as error:
                self._reject(error)
            self.received += 1

    def _reject(self, error: RecordRejected) -> None:
        self.rejected += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(RejectedRecord(self.received, error.code, error.field, error.message))
