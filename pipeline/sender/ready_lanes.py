"""The lanes from which the next batch is taken: those that wait and have nothing under way."""

from __future__ import annotations

import heapq

from pipeline.sender.lanes import Lane, QueuedOperation


class ReadyLanes:
    """Ready lanes, the one that has waited longest first, with what they hold together."""

    def __init__(self) -> None:
        self._heap: list[Lane] = []
        self.items = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def oldest(self) -> QueuedOperation:
        """The operation that has waited longest."""
        return self._heap[0].waiting[0]

    def add_item(self, lane: Lane, item: QueuedOperation) -> None:
        """Appends to a lane that is not busy; the lane is ready from now on if it was not."""
        lane.add(item)
        if len(lane.waiting) == 1:
            heapq.heappush(self._heap, lane)
        self.items += 1
        self.bytes += item.size

    def add_lane(self, lane: Lane) -> None:
        """Takes in a lane with operations waiting."""
        heapq.heappush(self._heap, lane)
        self.items += len(lane.waiting)
        self.bytes += lane.bytes

    def take_batch(self, most_items: int, most_bytes: int) -> tuple[list[Lane], list[QueuedOperation]]:
        """Operations for one batch, at least one, and their lanes, which are no longer among the ready."""
        lanes: list[Lane] = []
        batch: list[QueuedOperation] = []
        while self._heap and len(batch) < most_items:
            if batch and self.oldest.size > most_bytes:
                break
            lane = heapq.heappop(self._heap)
            self.items -= len(lane.waiting)
            self.bytes -= lane.bytes
            taken = lane.take(most_items - len(batch), most_bytes, at_least_one=not batch)
            most_bytes -= sum(item.size for item in taken)
            lanes.append(lane)
            batch += taken
        return lanes, batch
