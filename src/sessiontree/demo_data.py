"""The records of the demo: the example sessions, and some hundreds of calls made up for the last 30 days.

The calls are the same for the same day: made from a fixed seed, with times counted back from the given moment.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from uuid import UUID

DAYS = 30
CALLS = 320
GUIDE_SESSION = "a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
GUIDE_EVENT = ("ai-voice-assistant", "4c9063e0-1e4b-11f1-b789-0242ac120010")
"""An event of the guide's call: where it is, the demo has been loaded."""
_SEED = 20260317
_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
_MODELS = ("moonshotai/Kimi-K2.6", "meta-llama/Llama-3.3-70B-Instruct", "Qwen/Qwen3-235B-A22B")

Fields = dict[str, Any]


def examples() -> Traversable:
    """The folder of example sessions: in an installed package it lies inside, in the repository beside `src`."""
    inside = files("sessiontree").joinpath("examples")
    return inside if inside.is_dir() else Path(__file__).parents[2] / "examples"


def example_records() -> Iterator[bytes]:
    """Every record of the examples, as JSON text."""
    for entry in sorted(examples().iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".ndjson"):
            yield from entry.read_bytes().splitlines()


def generated_records(now: datetime) -> Iterator[Fields]:
    """Calls and messages of the last 30 days, oldest first; the last call has begun just now and is not over."""
    dice = random.Random(_SEED)
    for minutes in sorted((dice.randrange(30, DAYS * 24 * 60) for _ in range(CALLS)), reverse=True):
        start = (now - timedelta(minutes=minutes)).replace(second=dice.randrange(60), microsecond=0)
        make = dice.choices([_assistant_call, _trunk_call, _survey_call, _message], weights=[55, 20, 15, 10])[0]
        yield from make(dice, start)
    yield from _open_call(dice, now.replace(microsecond=0) - timedelta(minutes=3))


def _assistant_call(dice: random.Random, start: datetime) -> Iterator[Fields]:
    """A call that an AI assistant answers: a leg, the assistant, a turn of inference every quarter of a minute."""
    session, leg, seconds = _uuid1(dice, start), _uuid1(dice, start), dice.randrange(20, 420)
    conversation = _uuid4(dice)
    yield from _call(dice, start, seconds, session=session, leg=leg)
    model = dice.choice(_MODELS)
    yield {
        "record_type": "ai-voice-assistant",
        "id": _uuid1(dice, start),
        "telnyx_leg_id": leg,
        "telnyx_session_id": session,
        "conversation_id": conversation,
        "created_at": _text(start),
        "completed_at": _text(start + timedelta(seconds=seconds)),
        "duration_sec": seconds,
        "billed_sec": _billed(seconds, 60),
        **_price("0.06", _billed(seconds, 60) // 60),
        "rate_measured_in": "ai_voice_assistant_minutes",
        "llm_model": model,
        "stt_model": "deepgram/flux",
        "tts_provider": "telnyx",
    }
    for at in range(8, seconds, dice.randrange(12, 22)):
        prompt, answer = 900 + at * 12, dice.randrange(15, 80)
        yield {
            "record_type": "inference",
            "id": _uuid4(dice),
            "conversation_id": conversation,
            "created_at": _text(start + timedelta(seconds=at)),
            "model": model,
            "usecase": "ai-assistant",
            "billable": True,
            "user_prompt_tokens": prompt,
            "completion_tokens": answer,
            "tokens": prompt + answer,
            **_price("0.00000085", prompt + answer),
        }
    yield _recording(dice, start, seconds, session)


def _trunk_call(dice: random.Random, start: datetime) -> Iterator[Fields]:
    """A call over SIP trunks in and out."""
    session, seconds = _uuid1(dice, start), dice.randrange(5, 900)
    for direction, rate in (("inbound", "0.0032"), ("outbound", "0.007")):
        yield {
            "record_type": "sip-trunking",
            "id": _uuid1(dice, start),
            "telnyx_session_id": session,
            "direction": direction,
            **_parties(dice),
            **_span(start, seconds),
            "billed_sec": _billed(seconds, 6),
            **_price(rate, Decimal(_billed(seconds, 6)) / 60),
            "hangup_cause": "NORMAL_CLEARING",
        }


def _survey_call(dice: random.Random, start: datetime) -> Iterator[Fields]:
    """An outbound call that listens for an answering machine, then speaks and writes down what it hears."""
    session, leg, seconds = _uuid1(dice, start), _uuid1(dice, start), dice.randrange(10, 120)
    yield from _call(dice, start, seconds, session=session, leg=leg)
    on_leg = {"call_session_id": session, "call_leg_id": leg}
    times = {"invoked_at": _text(start + timedelta(seconds=2))}
    yield {"record_type": "amd_detail_record", "id": _uuid4(dice), **on_leg, **times, **_price("0.0065", 1)}
    characters = dice.randrange(80, 600)
    yield {
        "record_type": "text-to-speech",
        "id": _uuid4(dice),
        **on_leg,
        "created_at": _text(start + timedelta(seconds=3)),
        "provider": "elevenlabs",
        "number_of_characters": characters,
        "rate": "7.0E-7",
        "cost": f"{Decimal(characters * 7) / 10**7:E}",
        "currency": "USD",
    }
    yield {
        "record_type": "speech-to-text",
        "id": _uuid4(dice),
        **on_leg,
        "start_time": _text(start + timedelta(seconds=4)),
        "end_time": _text(start + timedelta(seconds=seconds)),
        "provider": "deepgram",
        **_price("0.025", _billed(seconds, 60) // 60),
    }


def _message(dice: random.Random, start: datetime) -> Iterator[Fields]:
    parts = dice.choice((1, 1, 1, 2, 3))
    yield {
        "record_type": "message_detail_record",
        "uuid": _uuid4(dice),
        "created_at": _text(start),
        "completed_at": _text(start + timedelta(seconds=dice.randrange(1, 9))),
        "direction": "outbound",
        **_parties(dice),
        "message_type": "SMS",
        "parts": parts,
        "status": "delivered",
        **_price("0.004", parts),
    }


def _open_call(dice: random.Random, start: datetime) -> Iterator[Fields]:
    """A call under way: begun, not finished, not priced."""
    yield {
        "record_type": "call-control",
        "id": (leg := _uuid1(dice, start)),
        "telnyx_leg_id": leg,
        "telnyx_session_id": _uuid1(dice, start),
        "started_at": _text(start),
        "direction": "inbound",
        **_parties(dice),
        "cost": None,
        "currency": "USD",
    }


def _call(dice: random.Random, start: datetime, seconds: int, *, session: str, leg: str) -> Iterator[Fields]:
    """The leg and the trunk of a call."""
    common = {
        "telnyx_session_id": session,
        **_span(start, seconds),
        "direction": dice.choice(("inbound", "outbound")),
        **_parties(dice),
        "billed_sec": _billed(seconds, 60),
        **_price("0.002", _billed(seconds, 60) // 60),
        "rate_measured_in": "minutes",
    }
    yield {"record_type": "call-control", "id": leg, "telnyx_leg_id": leg, **common}
    yield {"record_type": "sip-trunking", "id": _uuid1(dice, start), **common, "hangup_cause": "NORMAL_CLEARING"}


def _recording(dice: random.Random, start: datetime, seconds: int, session: str) -> Fields:
    return {
        "record_type": "recording",
        "id": _uuid1(dice, start),
        "telnyx_session_id": session,
        **_span(start, seconds),
        "billed_sec": _billed(seconds, 60),
        **_price("0.002", _billed(seconds, 60) // 60),
    }


def _span(start: datetime, seconds: int) -> Fields:
    finish = start + timedelta(seconds=seconds)
    return {"started_at": _text(start), "finished_at": _text(finish), "call_sec": seconds}


def _parties(dice: random.Random) -> Fields:
    return {"cli": f"+1555555{dice.randrange(10_000):04d}", "cld": f"+1555555{dice.randrange(10_000):04d}"}


def _price(rate: str, units: int | Decimal) -> Fields:
    return {"rate": rate, "cost": f"{Decimal(rate) * units:f}", "currency": "USD"}


def _billed(seconds: int, step: int) -> int:
    """Seconds rounded up to whole steps, as providers bill."""
    return -(-seconds // step) * step


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _uuid4(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


def _uuid1(dice: random.Random, moment: datetime) -> str:
    """A version 1 UUID of this moment, as providers give calls and legs."""
    ticks = (moment - _UUID_EPOCH) // timedelta(microseconds=1) * 10 + dice.randrange(10_000_000)
    fields = (ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF, 0x80, dice.randrange(256), 0x02420A5C11E0)
    return str(UUID(fields=fields, version=1))
