"""The lanes that can fill the next batch: operations wait in them and none is in flight."""

from __future__ import annotations

import heapq

from pipeline.sender.lanes import Lane, QueuedOperation


class ReadyLanes:
    """A heap of ready lanes, the longest waiting first, and the sums of their items and bytes."""

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
        """Append an operation to a lane that is not busy. The lane is ready from now on."""
        lane.add(item)
        if len(lane.waiting) == 1:
            heapq.heappush(self._heap, lane)
        self.items += 1
        self.bytes += item.size

    def add_lane(self, lane: Lane) -> None:
        """Add a lane in which operations wait."""
        heapq.heappush(self._heap, lane)
        self.items += len(lane.waiting)
        self.bytes += lane.bytes

    def take_batch(self, most_items: int, most_bytes: int) -> tuple[list[Lane], list[QueuedOperation]]:
        """Remove and return at least one operation for a batch, and the lanes that they came from."""
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
