"""The arrival clock: any order of VUs taking, starting, being late or killed leaves an exact ledger."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shapes.clock import LATE_SECONDS, Arrival, ArrivalClock
from shapes.schedule import Schedule, Stage
from shapes.vu_pool import VuPool


@dataclass
class Time:
    """A monotonic clock that a test turns by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def started_clock(time: Time, rate: float = 10, seconds: float = 10) -> ArrivalClock:
    clock = ArrivalClock(Schedule(rate, [Stage(rate, seconds)]), time)
    clock.start(time.now)
    return clock


def take(clock: ArrivalClock) -> Arrival:
    arrival = clock.take()
    assert isinstance(arrival, Arrival)
    return arrival


def test_idle_vus_take_arrivals_in_order_at_their_instants() -> None:
    clock = started_clock(Time())
    arrivals = [take(clock) for _ in range(3)]
    assert [arrival.number for arrival in arrivals] == [1, 2, 3]
    assert [arrival.instant for arrival in arrivals] == pytest.approx([1000.1, 1000.2, 1000.3])


def test_nothing_is_handed_out_before_the_start() -> None:
    assert ArrivalClock(Schedule(10, [Stage(10, 1)])).take() is None


def test_an_arrival_that_passed_while_all_vus_were_busy_is_dropped_not_sent_late() -> None:
    time = Time()
    clock = started_clock(time)
    first = take(clock)
    time.now += 0.1
    assert clock.begin(first) is not None
    time.now += 0.75  # the only VU was busy over arrivals 2 to 8
    clock.complete()
    assert take(clock).number == 9
    assert clock.dropped == 7


def test_start_lag_is_the_time_from_the_instant_to_the_start() -> None:
    time = Time()
    clock = started_clock(time)
    arrival = take(clock)
    time.now = arrival.instant + 0.003
    assert clock.begin(arrival) == pytest.approx(0.003)


def test_a_process_that_slept_drops_what_passed_and_sends_no_burst() -> None:
    time = Time()
    clock = started_clock(time)
    held = [take(clock) for _ in range(10)]
    time.now += 5
    assert [clock.begin(arrival) for arrival in held] == [None] * 10
    assert take(clock).number == 51
    assert clock.dropped == 50
    assert clock.ledger().adds_up


def test_just_not_too_late_still_starts() -> None:
    time = Time()
    clock = started_clock(time)
    arrival = take(clock)
    time.now = arrival.instant + LATE_SECONDS * 0.99
    assert clock.begin(arrival) is not None


def test_after_a_stop_nothing_starts_and_what_was_not_due_stays_not_due() -> None:
    time = Time()
    clock = started_clock(time)
    time.now += 0.25  # no VU took the first two
    held = [take(clock) for _ in range(5)]
    clock.stop()
    time.now += 0.2  # VUs that wake after the stop find it closed
    assert [clock.begin(arrival) for arrival in held] == [None] * 5
    assert clock.take() is None
    ledger = clock.ledger()
    assert (ledger.due, ledger.dropped, ledger.not_yet_due, ledger.started) == (2, 2, 98, 0)
    assert ledger.is_closed


def test_a_stop_that_kept_the_process_busy_drops_nothing_that_a_vu_waited_for() -> None:
    """The VUs of arrivals 3 and 4 are asleep when the process begins to stop, and overslept when it does."""
    time = Time()
    clock = started_clock(time)
    held = [take(clock) for _ in range(4)]
    for arrival in held[:2]:
        time.now = arrival.instant
        assert clock.begin(arrival) is not None
    time.now = held[3].instant + 0.07
    clock.stop()
    assert [clock.begin(arrival) for arrival in held[2:]] == [None, None]
    clock.complete()
    clock.complete()
    ledger = clock.ledger()
    assert (ledger.due, ledger.started, ledger.dropped, ledger.not_yet_due) == (2, 2, 0, 98)
    assert clock.elapsed == pytest.approx(0.3, abs=1e-5)
    assert ledger.is_closed


def test_a_stop_after_a_standstill_drops_what_was_missed_and_says_why() -> None:
    time = Time()
    clock = started_clock(time)
    held = [take(clock) for _ in range(12)]
    time.now += 1.15  # too late for the first nine, whose VUs have not woken
    clock.stop()
    for arrival in held:
        clock.give_back(arrival)
    ledger = clock.ledger()
    assert (ledger.due, ledger.dropped, ledger.dropped_late, ledger.not_yet_due) == (9, 9, 9, 91)
    assert ledger.is_closed


def test_a_stop_drops_for_want_of_a_vu_what_came_due_while_all_were_busy() -> None:
    time = Time()
    clock = started_clock(time)
    first = take(clock)
    time.now = first.instant
    assert clock.begin(first) is not None
    time.now += 0.55
    clock.stop()
    clock.interrupt()
    ledger = clock.ledger()
    assert (ledger.due, ledger.dropped, ledger.dropped_late) == (6, 5, 0)
    assert ledger.is_closed


def test_a_stop_is_not_moved_before_what_was_dropped_already() -> None:
    """Arrival 1 is held and overdue when another VU comes and drops 2 and 3, which were due as well."""
    time = Time()
    clock = started_clock(time)
    held = [take(clock)]
    time.now += 0.34
    held.append(take(clock))
    clock.stop()
    for arrival in held:
        clock.give_back(arrival)
    ledger = clock.ledger()
    assert (ledger.due, ledger.dropped, ledger.not_yet_due) == (3, 3, 97)
    assert ledger.is_closed


def test_the_clock_is_exhausted_when_its_last_arrival_is_settled() -> None:
    time = Time()
    clock = started_clock(time, rate=1, seconds=2)
    first, last = take(clock), take(clock)
    assert clock.take() is None
    time.now = last.instant
    assert not clock.is_exhausted
    clock.give_back(first)
    clock.begin(last)
    assert clock.is_exhausted


def test_the_pool_grows_by_what_was_dropped_up_to_its_maximum() -> None:
    time = Time()
    clock = started_clock(time)
    pool = VuPool(pre_allocated_vus=5, max_vus=20)
    pool.grow(clock.dropped)
    assert pool.size == 5
    time.now += 0.35
    pool.grow(clock.dropped)
    assert pool.size == 8
    time.now += 9
    pool.grow(clock.dropped)
    assert pool.size == 20


class ClockMachine(RuleBasedStateMachine):
    """VUs that take, start, end, are killed or overslept, in any order, over any ramp."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.clock = ArrivalClock(Schedule(5, [Stage(20, 3), Stage(20, 2), Stage(0, 1)]), self.time)
        self.held: list[Arrival] = []
        self.in_flight = 0
        self.started: list[int] = []
        self.dropped_at_stop: int | None = None
        self.clock.start(self.time.now)

    @rule(seconds=st.floats(0, 0.6))
    def time_passes(self, seconds: float) -> None:
        self.time.now += seconds

    @rule()
    def a_vu_takes(self) -> None:
        arrival = self.clock.take()
        if isinstance(arrival, Arrival):
            assert arrival.instant >= self.time.now, "handed out after its instant"
            self.held.append(arrival)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), on_time=st.booleans())
    def a_vu_wakes(self, data: st.DataObject, on_time: bool) -> None:
        arrival = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        if on_time:
            self.time.now = max(self.time.now, arrival.instant)
        if self.time.now < arrival.instant:
            self.held.append(arrival)
        elif self.clock.begin(arrival) is not None:
            self.in_flight += 1
            self.started.append(arrival.number)

    @precondition(lambda self: self.held)
    @rule()
    def a_waiting_vu_is_killed(self) -> None:
        self.clock.give_back(self.held.pop())

    @precondition(lambda self: self.in_flight)
    @rule(interrupted=st.booleans())
    def an_iteration_ends(self, interrupted: bool) -> None:
        self.in_flight -= 1
        self.clock.interrupt() if interrupted else self.clock.complete()

    @rule()
    def it_is_stopped(self) -> None:
        self.clock.stop()
        self.dropped_at_stop = self.clock.ledger().dropped - self.clock.ledger().dropped_late

    @invariant()
    def nothing_is_dropped_for_want_of_a_vu_after_the_stop(self) -> None:
        if self.dropped_at_stop is not None:
            ledger = self.clock.ledger()
            assert ledger.dropped - ledger.dropped_late == self.dropped_at_stop

    @invariant()
    def every_arrival_is_in_one_place(self) -> None:
        ledger = self.clock.ledger()
        assert ledger.adds_up
        assert ledger.in_flight == self.in_flight
        assert ledger.started == len(self.started) == len(set(self.started))

    def teardown(self) -> None:
        self.time.now += 20
        self.clock.stop()
        while self.held:
            self.clock.give_back(self.held.pop())
        for _ in range(self.in_flight):
            self.clock.complete()
        assert self.clock.ledger().is_closed


TestClock = ClockMachine.TestCase
TestClock.settings = settings(max_examples=200, stateful_step_count=60)
