"""What the log says while a store fails: little, and that it is over."""

import logging
import threading
import time
from types import SimpleNamespace

import pytest

from conftest import SECONDS
from sessiontree import outages
from sessiontree.errors import StoreError, StoreGone
from sessiontree.outages import Outages


def test_what_fails_again_and_again_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(outages, "time", SimpleNamespace(monotonic=lambda: now))
    noted = Outages(SimpleNamespace())  # type: ignore[arg-type]
    for at in range(90):  # a request a second, and now and then another failure
        now += 1
        noted.note(f"request {at}", StoreError("the disk is full"))
        if at % 40 == 0:
            noted.note(f"request {at}b", StoreError("locked"))
    assert caplog.messages == [
        "request 0: the disk is full",
        "request 0b: locked",
        "request 60: the disk is full (times more in the last minutes: 59)",
        "request 80b: locked (times more in the last minutes: 1)",
    ]


def test_a_store_that_is_back_is_told_with_what_failed_meanwhile(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(
        outages, "time", SimpleNamespace(monotonic=lambda: now, sleep=lambda seconds: time.sleep(0.001))
    )
    asked, back = threading.Semaphore(0), threading.Event()

    def waiting() -> int:
        asked.release()
        if not back.is_set():
            raise StoreGone("gone")
        return 0

    noted = Outages(SimpleNamespace(sessions=SimpleNamespace(waiting=waiting)))  # type: ignore[arg-type]
    for outage in range(2):
        caplog.clear()
        back.clear()
        for at in range(7):
            noted.note(f"request {at}", StoreGone(f"gone {outage}"))
        asked.acquire(timeout=SECONDS)
        now += 12
        back.set()
        for thread in threading.enumerate():
            if thread.name == "sessiontree-outage":
                thread.join(SECONDS)
        assert caplog.messages == [
            f"request 0: gone {outage}",
            "the store answers again after 12 s; attempts that failed: 7",
        ]
        assert caplog.records[-1].levelno == logging.WARNING
