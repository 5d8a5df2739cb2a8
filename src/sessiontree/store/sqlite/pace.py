"""How many records a refresh takes at once: a step takes a moment, and notes of few records have their turn soon.

Records that arrived session by session are refreshed ten times as fast as the same ones at random.
"""

from typing import Final

STEP_SECONDS: Final = 0.15
RECORDS_MIN: Final = 200


class Pace:
    """Learns from how long the last ones took."""

    def __init__(self) -> None:
        self._per_second = 10_000.0

    def records(self, limit: int) -> int:
        """How many records to take, `limit` at most."""
        return min(limit, max(RECORDS_MIN, int(self._per_second * STEP_SECONDS)))

    def took(self, records: int, seconds: float) -> None:
        """So many took so long. Slowness counts at once, speed little by little; few records say nothing."""
        if records >= RECORDS_MIN:
            self._per_second = min(records / max(seconds, 1e-6), 1.5 * self._per_second)
