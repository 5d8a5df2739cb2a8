"""Results on their way from other threads to the event loop: those that come together wake it once.

`asyncio.wrap_future` would wake it for each, which takes as long as reading a record.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Arrival(Generic[T]):
    """One result: set by whoever has it, in any thread; awaited by `future`, in the event loop."""

    __slots__ = ("_arrivals", "error", "future", "result")

    def __init__(self, arrivals: "Arrivals", future: "asyncio.Future[T]") -> None:
        self._arrivals = arrivals
        self.future = future
        self.result: T | None = None
        self.error: BaseException | None = None

    def set_result(self, result: T) -> None:
        """This is the result."""
        self.result = result
        self._arrivals.came(self)

    def set_exception(self, error: BaseException) -> None:
        """There is none, because of this."""
        self.error = error
        self._arrivals.came(self)


class Arrivals:
    """The results that an event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._come: deque[Arrival[Any]] = deque()
        self._woken = False

    def expect(self) -> Arrival[Any]:
        """A result that is to come. In the loop's thread."""
        return Arrival(self, self.loop.create_future())

    def came(self, arrival: Arrival[Any]) -> None:
        """Have the loop take it. In any thread."""
        self._come.append(arrival)
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self.loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._woken = False  # before looking: whoever comes after the last look wakes us again
        while self._come:
            arrival = self._come.popleft()
            future = arrival.future
            if future.done():  # whoever waited has gone
                continue
            if arrival.error is None:
                future.set_result(arrival.result)
            else:
                future.set_exception(arrival.error)
