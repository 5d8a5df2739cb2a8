"""How many requests a key may make: together, where several processes of one server answer them."""

import mmap
import time
from contextlib import nullcontext
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from types import TracebackType

_SLOTS = 4096
_NEAR = 16  # slots in which a key's bucket may be
_SLOT = Struct("16sdd")


class RateLimit:
    """Lets each key make `per_second` requests a second on average, twice as many at once; 0 sets no limit.

    A `file` is for all processes of a server.
    """

    def __init__(self, per_second: int, file: Path | None = None) -> None:
        self._per_second = per_second
        self._left: dict[str, tuple[float, float]] | SharedBuckets = {}  # by key: requests left at a moment
        self._alone: nullcontext[None] | SharedBuckets = nullcontext()
        if per_second and file is not None:
            self._left = self._alone = SharedBuckets(file)

    def wait(self, key: str, now: float | None = None) -> float:
        """Seconds until this key may make its next request; 0: now, and it is counted."""
        if not self._per_second:
            return 0
        most = 2.0 * self._per_second
        with self._alone:
            now = time.monotonic() if now is None else now
            left, at = self._left.get(key, (most, now))
            left = min(most, left + (now - at) * self._per_second)
            if left < 1:
                return (1 - left) / self._per_second
            self._left[key] = (left - 1, now)
            return 0


class SharedBuckets:
    """What is left to each key, in memory that the processes of a server share; locked while it is entered.

    There is room for some thousand keys. Beyond, the bucket that was used longest ago gives way: its key may begin
    anew. A process that is killed lets go of the lock.
    """

    def __init__(self, file: Path) -> None:
        import fcntl

        self._lock, self._exclusive, self._unlock = fcntl.flock, fcntl.LOCK_EX, fcntl.LOCK_UN
        self._file = file.open("a+b")
        self._file.truncate(_SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._file.fileno(), _SLOTS * _SLOT.size)

    def __enter__(self) -> None:
        self._lock(self._file, self._exclusive)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock(self._file, self._unlock)

    def get(self, key: str, default: tuple[float, float]) -> tuple[float, float]:
        """What is left to a key, and since when."""
        name, places = _places(key)
        for place in places:
            found, left, at = _SLOT.unpack_from(self._memory, place)
            if found == name:
                return left, at
        return default

    def __setitem__(self, key: str, bucket: tuple[float, float]) -> None:
        name, places = _places(key)
        slots = [(*_SLOT.unpack_from(self._memory, place), place) for place in places]
        mine = next((place for found, _, _, place in slots if found == name), None)
        place = min(slots, key=lambda slot: slot[2])[3] if mine is None else mine
        _SLOT.pack_into(self._memory, place, name, *bucket)


def _places(key: str) -> tuple[bytes, list[int]]:
    """A key's name in the memory, and where it may be."""
    name = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    first = int.from_bytes(name[:4])
    return name, [(first + step) % _SLOTS * _SLOT.size for step in range(_NEAR)]
