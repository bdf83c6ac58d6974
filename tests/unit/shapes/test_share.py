"""Shares: whatever joins and leaves, every arrival has one owner, and counting agrees with listing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shapes.schedule import Schedule, Stage
from shapes.share import Epoch, Share

SCHEDULE = Schedule(5, [Stage(20, 3), Stage(0, 2), Stage(15, 0), Stage(15, 2)])
WORKERS = range(5)

members = st.lists(st.sampled_from(WORKERS), unique=True, max_size=5).map(tuple)
epochs = st.lists(st.tuples(st.floats(0, 9), members), min_size=1, max_size=5).map(
    lambda pairs: [Epoch(start, workers) for start, workers in sorted(pairs)]
)


def owned(share: Share) -> list[int]:
    numbers = []
    number = share.next_owned(1)
    while number is not None:
        numbers.append(number)
        number = share.next_owned(number + 1)
    return numbers


@given(epochs, st.floats(0, 3))
def test_every_arrival_has_at_most_one_owner_and_one_if_its_epoch_has_members(
    epochs: list[Epoch], start_time: float
) -> None:
    shares = [owned(Share(SCHEDULE, epochs, worker, start_time)) for worker in WORKERS]
    everybody = [number for share in shares for number in share]
    assert len(everybody) == len(set(everybody))
    if all(epoch.members for epoch in epochs):
        assert sorted(everybody) == list(range(1, SCHEDULE.total + 1))


@given(epochs, st.integers(0, 70), st.integers(-3, 70))
def test_counting_agrees_with_listing(epochs: list[Epoch], first: int, last: int) -> None:
    for worker in WORKERS:
        share = Share(SCHEDULE, epochs, worker)
        assert share.count(first, last) == sum(1 for number in owned(share) if first <= number <= last)


@given(members.filter(bool), members, st.floats(0.1, 8))
def test_a_new_epoch_changes_nothing_up_to_its_start(
    old: tuple[int, ...], new: tuple[int, ...], start: float
) -> None:
    before, after = [Epoch(0, old)], [Epoch(0, old), Epoch(start, new)]
    due = SCHEDULE.due_by(start)
    for worker in WORKERS:
        one, other = owned(Share(SCHEDULE, before, worker)), owned(Share(SCHEDULE, after, worker))
        assert [n for n in one if n <= due] == [n for n in other if n <= due]


def test_four_workers_take_every_fourth_arrival() -> None:
    share = Share(SCHEDULE, [Epoch(0, (0, 1, 2, 3))], worker=2)
    assert owned(share)[:4] == [3, 7, 11, 15]


def test_the_only_worker_owns_everything() -> None:
    assert owned(Share.whole(SCHEDULE)) == list(range(1, SCHEDULE.total + 1))
