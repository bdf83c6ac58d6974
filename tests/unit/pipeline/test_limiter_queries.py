"""The limiter's queries change nothing: only verbs give a start back, book it or number a call."""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable

import pytest

from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalPlan
from pipeline.limiter.reservations import Reservations
from pipeline.limiter.script_call import MICRO
from pipeline.limiter.settings import SharedSettings
from pipeline.limiter.shared_plan import SharedPlan
from pipeline.limiter.window import StartWindow

# All three starts of the reservations below are missed by then.
LATE = 60.0


def reservations() -> Reservations:
    """Three starts, at 10.0, 10.1 and 10.2 s, on a server whose clock is known to the millisecond."""
    reserved = Reservations(window_seconds=1.0, min_gap_seconds=0.01)
    reserved.clock.observe(sent=9.0, received=9.001, server=9.0005)
    reserved.add([10 * MICRO, 10_100_000, 10_200_000])
    return reserved


def shared_plan() -> SharedPlan:
    """A member with the same three starts reserved."""
    plan = SharedPlan("process", LimiterSettings(), SharedSettings())
    plan.prepare_call(9.0, running=0, queued=5)
    plan.accept_answer([9_000_500, 80, 77, 1, 20, 0, 10_000_000, 10_100_000, 10_200_000], [], 9.001)
    return plan


def state(thing: object) -> object:
    """Everything an object holds, by value."""
    if type(thing).__module__.startswith("pipeline.") and not isinstance(thing, enum.Enum):
        return {name: state(value) for name, value in vars(thing).items()}
    return copy.deepcopy(thing)


@pytest.mark.parametrize(
    ("make", "queries"),
    [
        (reservations, lambda it: (it.next_start(LATE), it.usable(LATE), it.last_start(), it.too_slow)),
        (
            shared_plan,
            lambda it: (
                it.next_start(LATE, 0),
                it.allowed(LATE),
                it.tokens_left(LATE),
                it.call_from(LATE, 0, 5),
                it.alone_after_seconds,
            ),
        ),
        (
            lambda: LocalPlan(LimiterSettings()),
            lambda it: (it.next_start(LATE, 0), it.allowed(LATE), it.tokens_left(LATE)),
        ),
    ],
    ids=["reservations", "shared plan", "local plan"],
)
def test_a_query_leaves_everything_as_it_was(
    make: Callable[[], object], queries: Callable[[object], object]
) -> None:
    thing = make()
    before = state(thing)
    first = queries(thing)
    assert state(thing) == before
    assert queries(thing) == first


def test_a_window_that_was_asked_about_the_future_still_counts_the_present() -> None:
    window = StartWindow(2, 1.0, 0.0)
    window.take(5.0, 2)
    window.take(5.1, 2)
    assert window.tokens_left(LATE, 2) == 2
    assert window.tokens_left(5.2, 2) == 0
    assert window.earliest(2) > 6.0


def test_a_missed_start_is_skipped_at_once_and_given_back_by_a_verb() -> None:
    reserved = reservations()
    now = 10.05
    assert reserved.usable(now) == 2
    assert reserved.next_start(now) == pytest.approx(10.1, abs=0.001)
    assert not reserved.given_back
    reserved.give_back_missed(now)
    assert reserved.given_back == {10 * MICRO}
    assert not reserved.take(now)
    assert reserved.take(10.102)
    assert reserved.usable(10.102) == 1


def test_a_call_hands_back_what_was_missed_and_asks_for_as_many_again() -> None:
    plan = shared_plan()
    call = plan.prepare_call(10.15, running=0, queued=5)
    assert call["given_back"] == [10 * MICRO, 10_100_000]
    assert (call["held"], call["wanted"]) == (1, 4)
