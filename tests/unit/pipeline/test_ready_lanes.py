"""Ready lanes against a plain list: what they hold together, and whose turn it is."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pipeline.operation import Operation
from pipeline.sender.lanes import Lane, QueuedOperation
from pipeline.sender.ready_lanes import ReadyLanes

ADDS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 40)), min_size=1, max_size=40)


@given(adds=ADDS, most_items=st.integers(1, 6), most_bytes=st.integers(1, 60), back=st.booleans())
def test_the_longest_waiting_go_first_and_the_sums_are_right(
    adds: list[tuple[str, int]], most_items: int, most_bytes: int, back: bool
) -> None:
    loop = asyncio.new_event_loop()
    lanes = {name: Lane(name) for name in "abcde"}
    ready = ReadyLanes()
    for number, (name, size) in enumerate(adds):
        item = QueuedOperation(number, 0.0, Operation("identify", name, {}), size, loop.create_future())
        ready.add_item(lanes[name], item)
    waiting = [number for number, _ in enumerate(adds)]

    while ready:
        assert ready.items == len(waiting)
        assert ready.bytes == sum(adds[number][1] for number in waiting)
        assert ready.oldest.number == waiting[0]
        taken_lanes, batch = ready.take_batch(most_items, most_bytes)
        numbers = [item.number for item in batch]
        assert numbers[0] == waiting[0]
        assert len(numbers) <= most_items
        assert len(numbers) == 1 or sum(item.size for item in batch) <= most_bytes
        # Lanes in the order of their first operations, each with its operations in order.
        firsts = [next(number for number in waiting if adds[number][0] == lane.name) for lane in taken_lanes]
        assert firsts == sorted(firsts)
        # A lane that was taken is out until it is given back.
        names = {lane.name for lane in taken_lanes}
        waiting = [number for number in waiting if number not in numbers]
        for lane in taken_lanes:
            if back and lane.waiting:
                ready.add_lane(lane)
        if not back:
            waiting = [number for number in waiting if adds[number][0] not in names]
    assert ready.items == ready.bytes == 0
    loop.close()
