"""What keeps a store from answering, in the log: at once, then once a minute how often, and when it is over.

Otherwise the line that says it would be lost among those of every request that came meanwhile.
"""

import logging
import threading
import time

from sessiontree.errors import StoreGone
from sessiontree.store import Store

SAY_SECONDS = 60.0
"""Between two lines that say the same."""
LOOK_SECONDS = 0.5
"""Between two looks whether a store that was gone is back."""
_TEXTS_MAX = 100
log = logging.getLogger("sessiontree")


class Outages:
    """The failures of one store. Any thread may note them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}  # by text: when, and how many have come since
        self._gone_since: float | None = None
        self._failed = 0  # attempts since then

    def note(self, what: str, error: BaseException | None) -> None:
        """This has failed for that reason; the end of an outage of the store is looked for from now on."""
        text, now = str(error), time.monotonic()
        with self._lock:
            said, more = self._said.get(text, (now - SAY_SECONDS, 0))
            is_time = now - said >= SAY_SECONDS
            if len(self._said) >= _TEXTS_MAX:
                self._said.clear()
            self._said[text] = (now, 0) if is_time else (said, more + 1)
            self._failed += 1
            begins = isinstance(error, StoreGone) and self._gone_since is None
            if begins:
                self._gone_since, self._failed = now, 1
        if is_time:
            log.error("%s: %s%s", what, text, f" (times more in the last minutes: {more:,})" if more else "")
        if begins:
            threading.Thread(target=self._wait, name="sessiontree-outage", daemon=True).start()

    def _wait(self) -> None:
        """Wait until the store answers again, or is closed."""
        answers = False
        while not answers:
            time.sleep(LOOK_SECONDS)
            try:
                self._store.sessions.waiting()
                answers = True
            except StoreGone:
                continue
            except Exception:  # closed, or no outage any more: whoever asks next notes it
                break
        with self._lock:
            seconds, failed = time.monotonic() - (self._gone_since or 0.0), self._failed
            self._gone_since = None
            self._said.clear()
        if answers:
            log.warning("the store answers again after %.0f s; attempts that failed: %s", seconds, f"{failed:,}")
