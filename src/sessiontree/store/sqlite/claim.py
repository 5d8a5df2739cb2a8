"""Who may refresh the sessions now: one process at a time, without keeping those that add records from writing.

What a refresh has to write is worked out beside everybody else, which takes a while, and is right only if nobody has
changed a session meanwhile, or deleted a record. So a process claims the sessions before, for a moment only, so that
nobody waits long for one that was killed; whoever deletes records cancels the claim; and what was worked out is written
only if the claim still stands.
"""

import secrets
import sqlite3
import time

SECONDS = 1.0
_NAME = "refreshing"


class Claim:
    """One process's claim, known by a number of its own."""

    def __init__(self) -> None:
        self._number = secrets.randbits(62)
        self._until = 0.0  # by the clock of this process: before, the claim need not be written again

    @property
    def stands(self) -> bool:
        """Whether the claim was made a short while ago; somebody may have cancelled it since."""
        return time.monotonic() < self._until

    def make(self, db: sqlite3.Connection) -> bool:
        """Claim for a moment from now on; False while another process does. Inside a writing transaction."""
        now = time.time()
        found = db.execute("select value from setting where name = ?", [_NAME]).fetchone()
        if found is not None:
            number, until = (int(part) for part in str(found[0]).split())
            if number != self._number and now < until / 1000 < now + 2 * SECONDS:  # a clock may have been set back
                return False
        self._write(db, now)
        return True

    def holds(self, db: sqlite3.Connection) -> bool:
        """Whether nobody else has claimed, and nobody cancelled. Inside a writing transaction."""
        found = db.execute("select value from setting where name = ?", [_NAME]).fetchone()
        return found is not None and str(found[0]).split()[0] == str(self._number)

    def keep(self, db: sqlite3.Connection) -> None:
        """Claim for another moment: more waits."""
        self._write(db, time.time())

    def end(self, db: sqlite3.Connection) -> None:
        """Let others claim: little waits."""
        cancel(db)
        self.lost()

    def lost(self) -> None:
        """It does not hold any more. Who has claimed since goes on undisturbed."""
        self._until = 0.0

    def _write(self, db: sqlite3.Connection, now: float) -> None:
        value = f"{self._number} {int((now + SECONDS) * 1000)}"
        db.execute("insert or replace into setting values (?, ?)", [_NAME, value])
        self._until = time.monotonic() + SECONDS / 2


def cancel(db: sqlite3.Connection) -> None:
    """What anybody is working out must not be written: records are deleted, or somebody else has written sessions."""
    db.execute("delete from setting where name = ?", [_NAME])
