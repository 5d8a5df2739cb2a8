"""How many requests a key may make."""

import time


class RateLimit:
    """Lets each key make `per_second` requests a second on average, twice as many at once; 0 sets no limit."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left: dict[str, tuple[float, float]] = {}  # by key: requests left at a moment

    def wait(self, key: str, now: float | None = None) -> float:
        """Seconds until this key may make its next request; 0: now, and it is counted."""
        if not self._per_second:
            return 0
        now = time.monotonic() if now is None else now
        most = 2.0 * self._per_second
        left, at = self._left.get(key, (most, now))
        left = min(most, left + (now - at) * self._per_second)
        if left < 1:
            return (1 - left) / self._per_second
        self._left[key] = (left - 1, now)
        return 0
