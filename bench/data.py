"""Made-up usage records, and stores of them: sessions of 11 events (a call-session known by its children only, and ten
records of about 900 bytes), the same ones in every run.

Records of neighbouring sessions arrive mixed, as those of calls at the same time do.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

SESSION_RECORDS = 10
SESSION_EVENTS = SESSION_RECORDS + 1
RECORD_BYTES = 900
WINDOW = 2_000  # records that arrive mixed with each other, all of whole sessions
FIRST_START = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS_APART = 2
_GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
_LISTED = ("sip-trunking", "webrtc_detail_record", "recording")


@dataclass(frozen=True, slots=True)
class Session:
    """A made-up session: the ids that its records are found by, when they start, and the records."""

    id: str
    conversation: str
    start: datetime
    bodies: list[bytes]


class Maker:
    """Makes sessions. With `timed` ids carry their time (UUID version 1), else they are random (version 4)."""

    def __init__(self, *, seed: int, timed: bool, seconds_apart: float = SECONDS_APART) -> None:
        self._random = random.Random(seed)
        self._timed = timed
        self._apart = timedelta(seconds=seconds_apart)

    def sessions(self) -> Iterator[Session]:
        """Sessions without end, in order of time."""
        start = FIRST_START
        while True:
            yield self._session(start)
            start += self._apart

    def windows(self) -> Iterator[tuple[list[Session], list[bytes]]]:
        """The sessions in groups, each with its `WINDOW` records in the order in which they arrive."""
        sessions = self.sessions()
        while True:
            group = [next(sessions) for _ in range(WINDOW // SESSION_RECORDS)]
            bodies = [body for session in group for body in session.bodies]
            self._random.shuffle(bodies)
            yield group, bodies

    def bodies(self, count: int) -> list[bytes]:
        """The first so many records as they arrive, of whole windows and at least one."""
        windows = self.windows()
        return [body for _ in range(max(1, count // WINDOW)) for body in next(windows)[1]]

    def _session(self, start: datetime) -> Session:
        new = self._ids(start)
        session, leg, conversation, control = next(new), next(new), next(new), "v3:" + next(new) + next(new)
        begun = start.strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = (start + timedelta(seconds=self._random.randrange(10, 600))).strftime("%Y-%m-%dT%H:%M:%SZ")
        times = f'"started_at":"{begun}","finished_at":"{ended}"'
        linked = f'"telnyx_session_id":"{session}","telnyx_leg_id":"{leg}","call_control_id":"{control}"'
        bodies = [self._call("call-control", next(new), linked, times)]
        linked = f'"telnyx_session_id":"{session}","call_control_id":"{control}"'
        bodies += [self._call(name, next(new), linked, times) for name in _LISTED]
        linked += f',"telnyx_leg_id":"{leg}","conversation_id":"{conversation}"'
        times = f'"created_at":"{begun}","completed_at":"{ended}"'
        bodies.append(self._call("ai-voice-assistant", next(new), linked, times))
        bodies += [self._inference(next(new), conversation, begun) for _ in range(5)]
        return Session(session, conversation, start, bodies)

    def _call(self, record_type: str, id: str, linked: str, times: str) -> bytes:
        pick = self._random.randrange
        text = (
            f'{{"record_type":"{record_type}","id":"{id}",{linked},{times},"direction":"inbound",'
            f'"cli":"+1555{pick(10**7):07d}","cld":"+1555{pick(10**7):07d}","call_sec":{pick(600)},'
            f'"billed_sec":{pick(100) * 6},"rate":"0.002","rate_measured_in":"minutes",'
            f'"cost":"0.{pick(2000):04d}","currency":"USD","connection_id":"{pick(10**18)}","attempted":1,'
            f'"hangup_cause":"NORMAL_CLEARING","user_id":"5d1f5c1e-8a40-4e56-9d5e-{pick(8):012d}","tags":""'
        )
        return self._filled(text)

    def _inference(self, id: str, conversation: str, begun: str) -> bytes:
        pick = self._random.randrange
        text = (
            f'{{"record_type":"inference","id":"{id}","conversation_id":"{conversation}","created_at":"{begun}",'
            f'"model":"moonshotai/Kimi-K2.6","usecase":"ai-assistant","billable":true,'
            f'"user_prompt_tokens":{pick(5000)},"cached_user_prompt_tokens":{pick(5000)},'
            f'"completion_tokens":{pick(200)},"tokens":{pick(5000)},"cost":"0.{pick(2000):04d}","currency":"USD",'
            f'"user_id":"5d1f5c1e-8a40-4e56-9d5e-{pick(8):012d}","service_tier":"default","hardware":"H100"'
        )
        return self._filled(text)

    def _filled(self, text: str) -> bytes:
        """The record with a note that brings it to its size."""
        prose = _prose()
        missing = RECORD_BYTES - len(text) - len(',"note":""}')
        first = self._random.randrange(len(prose) - RECORD_BYTES)
        return f'{text},"note":"{prose[first : first + missing]}"}}'.encode()

    def _ids(self, start: datetime) -> Iterator[str]:
        bits = self._random.getrandbits
        ticks = int((start - _GREGORIAN) / timedelta(microseconds=1)) * 10
        while True:
            text = f"{bits(128):032x}"
            if self._timed:
                time = f"{ticks + bits(22):015x}"
                yield f"{time[7:]}-{time[3:7]}-1{time[:3]}-8{text[17:20]}-{text[20:]}"
            else:
                yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


@cache
def _prose() -> str:
    """Text that compresses about as well as text does."""
    chosen = random.Random(0)
    words = ["".join(chosen.choices("etaoinshrdlucmfwypvbgk", k=chosen.randrange(2, 10))) for _ in range(400)]
    return " ".join(words[min(int(chosen.expovariate(0.02)), 399)] for _ in range(30_000))
