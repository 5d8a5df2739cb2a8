"""The rate limit: how many requests a key may make, and what the others get."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import SECONDS, running
from sessiontree.http.limits import RateLimit


def test_a_key_may_make_so_many_requests_a_second_and_twice_as_many_at_once():
    limit = RateLimit(2)
    assert [limit.wait("a", now=10.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert limit.wait("b", now=10.0) == 0, "each key has its own"
    assert limit.wait("a", now=10.5) == 0
    assert limit.wait("a", now=10.5) == 0.5


def test_without_a_limit_nobody_waits():
    limit = RateLimit(0)
    assert {limit.wait("a", now=0.0) for _ in range(1000)} == {0}


@pytest.fixture
def limited(tmp_path: Path, where: str) -> Any:
    return running(tmp_path, where, SESSIONTREE_REQUESTS_PER_SECOND="1")


def test_too_many_requests_are_told_when_to_come_back(limited: AbstractContextManager[Any]):
    with limited as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        url = f"{server.url}/v2/session_analysis/metadata"
        with httpx.Client(timeout=SECONDS) as client:  # one connection, so that they come faster than they may
            answers = [client.get(url, headers=headers) for _ in range(20)]
        assert answers[0].status_code == 200
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["errors"][0]["code"] == "10011"
