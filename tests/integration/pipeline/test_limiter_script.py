"""The limiter's script in a real Redis, call by call: what it plans, and when it stays closed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_client
import uvloop

from pipeline.limiter import LimiterSettings, SharedSettings
from pipeline.limiter.redis_link import RedisLink
from pipeline.limiter.shared_plan import HORIZON_SECONDS, SharedPlan
from tests.redis_server import RedisServer

OK, STALE = 0, 2
KEY = "customerio-limiter:{script}"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class Script:
    """Calls of processes, and the state between them."""

    def __init__(self, server: RedisServer) -> None:
        server.flush()
        self._server = server
        self._numbers = itertools.count(1)

    def call(self, process: str = "a", **changes: Any) -> list[int]:
        """A call that wants five starts, with these changes."""
        plan = SharedPlan(process, LimiterSettings(), SharedSettings("script"))
        message = plan.prepare_call(0.0, running=0, queued=5) | {"seq": next(self._numbers)} | changes
        return uvloop.run(self._call(message))

    async def _call(self, message: dict[str, Any]) -> list[int]:
        link = RedisLink(self._server.url, KEY)
        try:
            return await link.call(message)
        finally:
            await link.aclose()

    def change(self, lua: str) -> None:
        """Changes ``state`` behind the limiter's back."""
        script = f"""
            local state = cmsgpack.unpack(redis.call('GET', KEYS[1]))
            {lua}
            redis.call('SET', KEYS[1], cmsgpack.pack(state))
        """
        with redis_client.Redis.from_url(self._server.url) as client:
            client.eval(script, 1, KEY)


@pytest.fixture
def script(redis: RedisServer) -> Script:
    """Opened, and nothing planned."""
    script = Script(redis)
    assert script.call()[7:] == []
    script.change("state.opens = 0")
    return script


def test_starts_are_planned_apart_within_the_horizon_and_the_permits(script: Script) -> None:
    kind, now, allowed, tokens_left, members, permits, _, *starts = script.call(wanted=100, demand=100)
    assert (kind, allowed, tokens_left, members, permits, len(starts)) == (OK, 80, 60, 1, 20, 20)
    assert all(later - start >= 10_000 for start, later in itertools.pairwise(starts))
    assert now <= starts[0]
    assert starts[-1] <= now + HORIZON_SECONDS * 1e6
    # All permits are held now.
    assert script.call("b")[5:] == [10, 0]


def test_what_is_given_back_is_planned_again(script: Script) -> None:
    starts = script.call()[7:]
    again = script.call(given_back=starts[1:])
    assert again[3] == 80 - 1 - 5
    assert again[7] >= starts[0] + 10_000


def test_a_call_that_was_overtaken_changes_nothing(script: Script) -> None:
    script.call(seq=50, held=3)
    assert script.call(seq=49, held=0, given_back=[1], throttled=True) == [STALE]
    assert script.call("b")[2] == 80


@pytest.mark.parametrize(
    "lua",
    [
        pytest.param("state.seen = state.seen - 1500000", id="silence"),
        pytest.param("state.run = 'another'", id="restarted with its data"),
        pytest.param("state.seen = state.seen + 3600 * 1000000", id="clock set back"),
    ],
)
def test_closed_when_some_may_be_on_their_own(script: Script, lua: str) -> None:
    assert script.call()[7:]
    script.change(lua)
    _, _, _, tokens_left, _, _, retry, *starts = script.call()
    assert (starts, tokens_left) == ([], 0)
    assert 1_000_000 < retry < 2_000_000


def test_a_small_step_back_is_waited_out(script: Script) -> None:
    before = script.call(wanted=1)[7]
    script.change("state.seen = state.seen + 500000")
    # The clock stands until it has caught up: no start is planned in what seems to be the past.
    assert script.call(wanted=1)[7] >= before + 400_000


def test_after_retry_after_nothing_is_planned_before(script: Script) -> None:
    _, now, *_ = script.call(blocked=2_000_000)
    _, _, allowed, tokens_left, _, _, retry, *starts = script.call("b")
    assert (allowed, tokens_left, starts) == (80, 0, [])
    assert retry > 1_500_000
    assert now > 0
