"""Records as bytes: the head (what was read out) and the body (as received), compressed together.

Ids and link values stand in both, so packed together they cost a few bytes. A head lists its link values in the order
of its *shape*, so that records read by an older catalogue stay readable.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard

from sessiontree.catalog import Catalog
from sessiontree.record import Record
from sessiontree.store.parts.large import Large

_BITS = 63  # of a number that is packed as one
DICTIONARY_BYTES = 16_384
SAMPLE_BYTES_MAX = 4 << 20
_LEVEL = -1  # leaves letters as they are: read in two thirds of the time that 1 takes, for a seventh more bytes
FEW = 50  # records that are not worth handing to a thread


@dataclass(frozen=True, slots=True)
class Shape:
    """The reading under which a record's head was written.

    For a head of an older reading, `key_from` and `ref_from` say where each present key and ref stands in it (None:
    nowhere); they are None as a whole for the present reading.
    """

    id: int
    record_type: str
    key_from: tuple[int | None, ...] | None = None
    ref_from: tuple[int | None, ...] | None = None


class Packer:
    """Packs and unpacks the records of one store. Not safe for use by several threads at once.

    The first byte names the dictionary, 0 for none; `load` gives those that the store has, by number: all that are
    known, or all that there are by now if that of a number is not among them. A store trains dictionaries of its own
    records as it grows: they make records four times smaller and twice as quick to read as none, and better than any
    made elsewhere.
    """

    def __init__(self, load: Callable[[int], Mapping[int, bytes]]) -> None:
        self._load = load
        self._decompress = {0: zstandard.ZstdDecompressor().decompress}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Record).decode
        self._decode_large = msgspec.msgpack.Decoder(Large).decode
        self._pool = ThreadPoolExecutor(1, "sessiontree-packing")  # has none before it is used
        self.renew()

    def renew(self, wanted: int = 0) -> None:
        """Take up the dictionaries that the store has now, this one among them; the newest one is for packing."""
        dictionaries = self._load(wanted)
        for number in dictionaries.keys() - self._decompress.keys():
            data = zstandard.ZstdCompressionDict(dictionaries[number])
            self._decompress[number] = zstandard.ZstdDecompressor(dict_data=data).decompress
        newest = max(dictionaries, default=0)
        self._number = bytes([newest])
        best = zstandard.ZstdCompressionDict(dictionaries[newest]) if newest else None
        compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=best, write_checksum=False, write_dict_id=False)
        self._compress, self._compress_all = compressor.compress, compressor.multi_compress_to_buffer

    def pack(self, record: Record, shape: Shape, received: datetime) -> bytes:
        """The record as bytes, with its time of receipt."""
        return self._number + self._compress(self._plain(record, shape, received))

    def begin(self, records: Iterable[tuple[Record, Shape]], received: datetime) -> "Packing":
        """Pack records in a thread that does without the interpreter, while the caller goes on."""
        plains: list[Any] = [self._plain(record, shape, received) for record, shape in records]
        if len(plains) >= FEW:
            return Packing(self._number, self._pool.submit(self._compress_all, plains))
        done: Future[Any] = Future()
        done.set_result([self._compress(plain) for plain in plains])
        return Packing(self._number, done)

    def _plain(self, record: Record, shape: Shape, received: datetime) -> bytes:
        cost, quantity = record.cost, record.quantity
        amount = cost if cost is None or cost.bit_length() <= _BITS else str(cost)
        number = quantity if quantity is None or quantity.bit_length() <= _BITS else str(quantity)
        head = (shape.record_type, record.id, record.start, record.finish, amount, record.currency)
        return self._encode((*head, record.keys, record.refs, record.body, received, shape.id, number))

    def unpack(self, packed: bytes) -> Record:
        """The record as it was packed; where its shape is an old one, `reordered` is due."""
        decompress = self._decompress.get(packed[0])
        if decompress is None:  # trained by another thread or process
            self.renew(packed[0])
            decompress = self._decompress[packed[0]]
        plain = decompress(packed[1:])
        try:
            return self._decode(plain)
        except msgspec.ValidationError:
            large = msgspec.structs.asdict(self._decode_large(plain))
            numbers = {name: None if large[name] is None else int(large[name]) for name in ("cost", "quantity")}
            return Record(**(large | numbers))


class Packing:
    """Records that are being packed."""

    def __init__(self, number: bytes, compressed: "Future[Any]") -> None:
        self._number = number
        self._compressed = compressed

    def result(self) -> list[bytearray]:
        """All of them, in order, once they are packed; not as bytes, see `write.insert_rows`."""
        number = bytearray(self._number)
        return [number + each for each in self._compressed.result()]


def train(bodies: Iterable[bytes]) -> bytes | None:
    """A compression dictionary made of records, None if they are too few or too much alike.

    Takes only so many of them as SAMPLE_BYTES_MAX allows: training takes time and memory.
    """
    samples: list[bytes] = []
    left = SAMPLE_BYTES_MAX
    for body in bodies:
        left -= len(body)
        if left < 0:
            break
        samples.append(body)
    try:
        return zstandard.train_dictionary(DICTIONARY_BYTES, [*samples]).as_bytes()
    except zstandard.ZstdError:
        return None


def reordered(record: Record, shape: Shape) -> Record:
    """The record with its keys and refs in the present order of its type."""
    if shape.key_from is None or shape.ref_from is None:
        return record
    keys = tuple([None if at is None else record.keys[at] for at in shape.key_from])
    refs = tuple([None if at is None else record.refs[at] for at in shape.ref_from])
    return msgspec.structs.replace(record, keys=keys, refs=refs)


def reading_of(catalog: Catalog, record_type: str) -> str:
    """A digest of all that decides how records of a type are read; records of another digest want a re-read."""
    t = catalog.types[record_type]
    parts: list[Sequence[object]] = [
        t.id_field,
        t.start_fields,
        t.finish_fields,
        t.cost_fields,
        t.currency_field,
        t.default_currency,
        catalog.key_fields(record_type),
        t.ref_fields,
        t.quantity.fields if t.quantity else (),
    ]
    if t.expects:  # decides a problem of the record's session, which a re-read brings up to date
        parts.append(" ".join(f"{each.child} {each.field}" for each in t.expects))
    parts += [_standing(catalog, record_type), *[_standing(catalog, parent.parent) for parent in t.parents]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _standing(catalog: Catalog, record_type: str) -> tuple[object, ...]:
    """What decides where records of a type stand in a session, and what its row says of them."""
    t = catalog.types[record_type]
    pairs = [[parent.parent, *[f"{via.local_field} {via.parent_field}" for via in parent.via]] for parent in t.parents]
    return (record_type, t.virtual, t.product, pairs)


def same_content(old: bytes, new: bytes) -> bool:
    """Whether two bodies are the same JSON value: order and spacing aside, numbers as they are written."""
    if old == new:
        return True
    try:
        return bool(_value(old) == _value(new))
    except RecursionError:
        return False


def _value(body: bytes) -> object:
    def number(text: str) -> tuple[str, str]:  # no JSON value becomes a tuple: 1 is neither true nor "1"
        return ("number", text)

    return json.loads(body, parse_float=number, parse_int=number)
