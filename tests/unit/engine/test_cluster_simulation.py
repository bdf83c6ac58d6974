"""A cluster in simulated time: workers die, freeze, come late and leave, messages take their time.

Whatever happens, nothing is sent twice, and the ledger adds up to every arrival of the schedule, with what
really was sent within its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cluster.membership import BEAT_SECONDS, LEASE_SECONDS, SILENCE_SECONDS, Membership
from shapes.accounts import Counts, close_ledger
from shapes.clock import Arrival, ArrivalClock
from shapes.schedule import Schedule, Stage
from shapes.share import Epoch, Share

SCHEDULE = Schedule(20, [Stage(40, 4), Stage(40, 6), Stage(0, 2)])
STEP_SECONDS = 0.05
VUS = 6
END_SECONDS = 13.0


@dataclass
class Worker:
    """A worker whose VUs take no time to answer: what they start is sent at once."""

    index: int
    time: list[float]
    clock: ArrivalClock = field(init=False)
    held: list[Arrival] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    is_dead: bool = False
    frozen_until: float = 0.0
    is_leaving: bool = False
    reported: Counts = field(default_factory=lambda: Counts(at=0.0))

    def __post_init__(self) -> None:
        self.clock = ArrivalClock(SCHEDULE, lambda: self.time[0], granted=False)

    @property
    def runs(self) -> bool:
        return not self.is_dead and self.time[0] >= self.frozen_until

    def step(self) -> None:
        for arrival in [arrival for arrival in self.held if arrival.instant <= self.time[0]]:
            self.held.remove(arrival)
            if self.clock.begin(arrival) is not None:
                self.sent.append(arrival.number)
                self.clock.complete()
        while len(self.held) < VUS:
            taken = self.clock.take()
            if not isinstance(taken, Arrival):
                return
            self.held.append(taken)

    def counts(self, is_final: bool = False) -> Counts:
        ledger = self.clock.ledger()
        return Counts(
            at=self.clock.elapsed,
            started=ledger.started,
            dropped=ledger.dropped,
            completed=ledger.completed,
            interrupted=ledger.interrupted,
            is_final=is_final,
        )

    def stop(self) -> None:
        self.clock.stop()
        while self.held:
            self.clock.give_back(self.held.pop())
        self.reported = self.counts(is_final=True)


faults = st.lists(
    st.tuples(
        st.sampled_from(["kill", "freeze", "join", "leave"]),
        st.floats(0.0, 12.0),
        st.integers(0, 4),
        st.sampled_from([0.2, 0.9, 2.0, 5.0]),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 4), faults, st.floats(0, 0.2), st.floats(2.0, END_SECONDS))
def test_whatever_happens_nothing_is_sent_twice_and_the_ledger_is_exact(
    count: int, faults: list[tuple[str, float, int, float]], latency: float, stop_at: float
) -> None:
    time = [0.0]
    workers = {index: Worker(index, time) for index in range(count)}
    membership = Membership()
    for index, worker in workers.items():
        membership.hear(index, 0.0, is_ready=True)
        worker.clock.start(0.0)
    membership.begin(list(workers))
    mail: list[tuple[float, Worker, list[Epoch], float]] = []
    pending = sorted(faults, key=lambda one: one[1])
    next_beat = 0.0
    while time[0] < stop_at:
        while pending and pending[0][1] <= time[0]:
            _happen(pending.pop(0), workers, membership, time)
        if time[0] >= next_beat:
            next_beat += BEAT_SECONDS
            for worker in workers.values():
                if worker.runs:
                    worker.reported = worker.counts()
                    membership.hear(worker.index, time[0], is_ready=True)
                    if worker.is_leaving:
                        membership.leave(worker.index)
            membership.advance(time[0])
            mail += [
                (time[0] + latency, worker, list(membership.epochs), membership.granted_until)
                for worker in workers.values()
            ]
        for letter in [letter for letter in mail if letter[0] <= time[0] and letter[1].runs]:
            mail.remove(letter)
            _, worker, epochs, until = letter
            worker.clock.grant(Share(SCHEDULE, epochs, worker.index), until)
        for worker in workers.values():
            if worker.runs:
                worker.step()
        time[0] += STEP_SECONDS
    for worker in workers.values():
        if worker.runs:
            worker.stop()

    counts = {index: worker.reported for index, worker in workers.items()}
    ledger, losses = close_ledger("a", SCHEDULE, 0.0, membership.epochs, counts, time[0])
    sent = [number for worker in workers.values() for number in worker.sent]
    assert len(sent) == len(set(sent)), "sent twice"
    assert ledger.is_closed, ledger
    assert ledger.started <= len(sent) <= ledger.started + sum(loss.maybe_sent for loss in losses)
    if not faults and latency + BEAT_SECONDS < LEASE_SECONDS:
        assert ledger.lost == 0


def _happen(
    fault: tuple[str, float, int, float],
    workers: dict[int, Worker],
    membership: Membership,
    time: list[float],
) -> None:
    kind, _, index, seconds = fault
    if kind == "join":
        if index not in workers:
            workers[index] = Worker(index, time)
            workers[index].clock.start(0.0)
            membership.hear(index, time[0], is_ready=True)
    elif index in workers:
        worker = workers[index]
        if kind == "kill":
            worker.is_dead = True
        elif kind == "freeze":
            worker.frozen_until = max(worker.frozen_until, time[0] + seconds)
        else:
            worker.is_leaving = True


def test_a_dead_worker_is_out_within_the_stated_time() -> None:
    membership = Membership()
    for index in (0, 1):
        membership.hear(index, 0.0, is_ready=True)
    membership.begin([0, 1])
    now = 0.0
    died_at = 3.1
    while now < 8:
        membership.hear(0, now, is_ready=True)
        if now < died_at:
            membership.hear(1, now, is_ready=True)
        membership.advance(now)
        now += BEAT_SECONDS
    assert [epoch.members for epoch in membership.epochs] == [(0, 1), (0,)]
    assert membership.epochs[1].start - died_at <= SILENCE_SECONDS + BEAT_SECONDS + LEASE_SECONDS
    assert SILENCE_SECONDS + BEAT_SECONDS + LEASE_SECONDS <= 3


def test_a_master_that_stood_still_does_not_take_its_workers_for_dead() -> None:
    membership = Membership()
    membership.hear(0, 0.0, is_ready=True)
    membership.begin([0])
    membership.advance(0.25)
    assert not membership.advance(3.0)
    membership.hear(0, 3.1, is_ready=True)
    assert not membership.advance(3.25)
    assert membership.epochs == [Epoch(0.0, (0,))]
    assert membership.granted_until == 3.25 + LEASE_SECONDS


def test_without_any_worker_what_comes_due_is_lost_by_nobody_s_fault() -> None:
    ledger, losses = close_ledger("a", SCHEDULE, 0.0, [Epoch(0.0, ())], {}, stopped_at=20.0)
    assert ledger.lost == ledger.due == SCHEDULE.total
    assert ledger.is_closed
    assert [(loss.worker, loss.maybe_sent) for loss in losses] == [(-1, 0)]
