"""The limiter's script in a real Redis, call by call: what it plans, and when it stays closed."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client

from pipeline.limiter import LimiterSettings, SharedSettings, redis_link
from pipeline.limiter.redis_link import RedisLink
from pipeline.limiter.script_call import CONSTANTS, HORIZON_SECONDS, AnswerKind, microseconds
from pipeline.limiter.shared_plan import SharedPlan
from tests.servers.redis_server import RedisServer

OK, STALE = AnswerKind.OK, AnswerKind.STALE
SCRIPT = Path(redis_link.__file__).with_name("shared.lua")
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

    def call(
        self, process: str = "a", constants: dict[str, object] | None = None, **changes: Any
    ) -> list[int]:
        """A call that wants five starts, with these changes and other constants."""
        plan = SharedPlan(process, LimiterSettings(), SharedSettings("script"))
        message = plan.prepare_call(0.0, running=0, queued=5) | {"seq": next(self._numbers)} | changes
        return asyncio.run(self._call(message, CONSTANTS | (constants or {})))

    async def _call(self, message: dict[str, Any], constants: dict[str, object]) -> list[int]:
        link = RedisLink(self._server.url, KEY, constants)
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


def test_the_script_has_no_copy_of_a_constant() -> None:
    code = re.sub(r"--[^\n]*|'[^'\n]*'", "", SCRIPT.read_text(encoding="utf-8"))
    # 0 and 1 are beginnings and steps, 2 is the second part of Redis's time.
    assert set(re.findall(r"(?<![\w.])\d[\w.]*", code)) == {"0", "1", "2"}
    used = set(re.findall(r"\bconstants\.(\w+)", code))
    assert used == CONSTANTS.keys()
    assert set(re.findall(r"\bkinds\.(\w+)", code)) == {kind.name.lower() for kind in AnswerKind}


def test_the_script_answers_with_the_kinds_that_it_is_given(script: Script) -> None:
    kinds: dict[str, object] = {"kinds": {"ok": 70, "too_many": 71, "stale": 72, "other_window": 73}}
    assert script.call(constants=kinds, seq=50)[0] == 70
    assert script.call(constants=kinds, seq=49) == [72]
    assert script.call("b", constants=kinds, max_processes=1) == [71, 1, 1]
    assert script.call("b", constants=kinds, window=7) == [73, 1_000_000]


def test_a_429_cuts_by_the_share_that_it_is_given(script: Script) -> None:
    assert script.call(throttled=True, constants={"cut": 0.25, "rise_per_second": 0})[2] == 20
    assert script.call("b", constants={"rise_per_second": 0})[2] == 20


def test_a_cut_ends_at_the_floor_that_it_is_given(script: Script) -> None:
    assert script.call(throttled=True, constants={"cut": 0.0, "floor": 0.75, "rise_per_second": 0})[2] == 60


def test_the_rate_comes_back_as_fast_as_it_is_told(script: Script) -> None:
    script.call(throttled=True)
    script.change("state.cut_at = state.cut_at - 2000000")
    # Half of the rate, and two seconds of a tenth each.
    assert script.call(constants={"rise_per_second": 0.1})[2] == pytest.approx(56, abs=1)


def test_starts_are_planned_as_far_ahead_as_it_is_told(script: Script) -> None:
    _, now, *_, _ = planned = script.call(wanted=20, constants={"horizon": microseconds(0.045)})
    assert 3 <= len(planned[7:]) <= 5
    assert planned[-1] <= now + 45_000


def test_a_process_asks_again_as_long_before_the_next_start_as_it_is_told(script: Script) -> None:
    near, far = (
        script.call(process, blocked=2_000_000, constants={"ask_ahead": microseconds(seconds)})[6]
        for process, seconds in (("a", 0.1), ("b", 0.4))
    )
    assert near == pytest.approx(1_900_000, abs=1)
    assert far <= near - 250_000


def test_a_lease_ends_when_it_is_told_to(script: Script) -> None:
    script.call("gone")
    script.change("for _, member in pairs(state.members) do member.seen = member.seen - 900000 end")
    assert script.call("b")[4] == 3
    script.change("state.members['b'] = nil")
    script.change("for _, member in pairs(state.members) do member.seen = member.seen - 900000 end")
    assert script.call("c", constants={"lease": microseconds(0.5)})[4] == 1


def test_it_closes_after_the_silence_and_for_the_time_that_it_is_given(script: Script) -> None:
    script.change("state.seen = state.seen - 600000")
    retry = script.call(constants={"silence": microseconds(0.5), "reopen": microseconds(9)})[6]
    assert 9_500_000 < retry < 10_100_000


def test_a_step_back_of_the_clock_counts_from_the_size_that_it_is_given(script: Script) -> None:
    assert script.call()[7:]
    script.change("state.seen = state.seen + 300000")
    assert script.call(constants={"step_back": microseconds(0.2)})[7:] == []


def test_the_state_is_kept_for_as_long_as_it_is_told(script: Script, redis: RedisServer) -> None:
    script.call(constants={"keep": microseconds(500)})
    with redis_client.Redis.from_url(redis.url) as client:
        assert 499_000 < client.pttl(KEY) <= 500_000
