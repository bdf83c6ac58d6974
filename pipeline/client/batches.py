"""One batch to its end: refused items are told apart from accepted ones, whatever the answers are.

- An answer that accepts all, or names each refused item: the others are delivered, whatever 2xx it is.
- A 2xx that refuses something and does not say what: nobody knows what was accepted, so every item is sent
  again, alone, where the answer can only be about it. Ids keep events that had been
  accepted from counting twice, and an identify may be repeated.
- 400: nothing was accepted. What it names is refused and the rest sent again; if it names nobody, each half
  is sent alone, down to single items, so that one bad item never condemns the others. 413 and 422 likewise.
- Faults without end while other requests succeed: halves in the same way, down to single items. One that
  still fails is held, with everything behind it in its lane, for the caller to retry alone. The others go on.

The parts go one after the other in the order of the batch, so the order of a person's operations is kept.
Anonymous events, for which Track v2 has no form, go alone; what is behind one in its lane waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from config.customerio.answers import Judgement, Meaning, Problem
from pipeline.client.attempts import Attempts, IsStuck, unreadable
from pipeline.client.before_sending import LoneRequest, batch_body
from pipeline.client.singles import deliver_alone, refused
from pipeline.client.suspicion import at_once
from pipeline.outcome import Delivered, Held, Outcome, StuckError

_log = logging.getLogger(__name__)


@dataclass
class Item:
    """An operation's request on its way, its lane, and the requests that have carried it."""

    request: LoneRequest
    lane: str
    attempts: int = 0
    outcome: Outcome | Held | None = None

    @property
    def settled(self) -> Outcome | Held:
        """The outcome that there must be by now."""
        if self.outcome is None:
            raise AssertionError("an item of a batch was left without an outcome")
        return self.outcome

    @property
    def is_batchable(self) -> bool:
        """Whether a batch can carry it."""
        return self.request.is_batchable

    def deliver(self) -> None:
        """Note that Customer.io has accepted it."""
        self.outcome = Delivered(self.attempts)

    def refuse(self, status: int, problem: Problem) -> None:
        """Note that Customer.io has refused it."""
        self.outcome = refused(self.attempts, status, problem)

    def hold(self, fault: str) -> None:
        """Note that it is to be retried alone, or that it waits behind such an item."""
        self.outcome = Held(self.attempts, fault)


class BatchDelivery:
    """The way of one batch: send it, and smaller parts where that must be, until each item has an outcome.

    Args:
        attempts: makes the requests.
        is_stuck: tells when the batch is to be split; ``None`` to retry it as the retry policy says.
        path: of the API's batches.
        most_bytes: of a batch's body.
    """

    def __init__(self, attempts: Attempts, is_stuck: IsStuck | None, path: str, most_bytes: int) -> None:
        self._attempts = attempts
        self._is_stuck = is_stuck
        self._path = path
        self._most_bytes = most_bytes
        self._held_lanes: dict[str, str] = {}  # with the fault that holds each

    async def run(self, items: list[Item]) -> None:
        """Deliver; raises as ``Attempts.request``, but never ``StuckError``."""
        while items:
            batch, lone, items = _next_round(items)
            await self._deliver_together(batch)
            await self._deliver_each_alone(lone)

    async def _deliver_together(self, items: list[Item]) -> None:
        parts = [items]
        while parts:
            part = self._without_held(parts.pop())
            if not part:
                continue
            body = batch_body([item.request.batch_item for item in part])
            if len(body) > self._most_bytes:
                parts += reversed(_halves(part))
                continue
            try:
                judgement, made = await self._attempts.request(
                    "POST", self._path, body, len(part), self._is_stuck
                )
            except StuckError as error:
                parts += reversed(self._after_faults(part, error))
                continue
            for item in part:
                item.attempts += made
            if judgement.meaning is Meaning.DOUBTFUL:
                self._attempts.retrying(unreadable(judgement.status))
                await self._deliver_each_alone(part)
            elif judgement.meaning is Meaning.REFUSED:
                parts += reversed(_after_refusal(part, judgement))
            else:
                for item in _without(part, judgement.status, judgement.refused):
                    item.deliver()

    def _without_held(self, part: list[Item]) -> list[Item]:
        """Hold the items behind a held one, so that their lane stays in order; return the others."""
        for item in part:
            if item.lane in self._held_lanes:
                item.hold(self._held_lanes[item.lane])
        return [item for item in part if item.lane not in self._held_lanes]

    def _after_faults(self, part: list[Item], error: StuckError) -> list[list[Item]]:
        """Hold a lone item; return the parts that are to be sent now, in order."""
        for item in part:
            item.attempts += error.attempts
        if len(part) > 1:
            if self._is_stuck is not at_once:
                extra = {"operations": len(part), "reason": error.fault}
                _log.warning(
                    "a batch keeps failing while other requests succeed; splitting it until the operation "
                    "that fails stands alone",
                    extra=extra,
                )
                self._is_stuck = at_once
            return _halves(part)
        self._held_lanes[part[0].lane] = error.fault
        part[0].hold(error.fault)
        return []

    async def _deliver_each_alone(self, part: list[Item]) -> None:
        for item in part:
            if item.lane in self._held_lanes:
                item.hold(self._held_lanes[item.lane])
                continue
            try:
                item.outcome = await deliver_alone(
                    self._attempts, item.request, item.attempts, self._is_stuck
                )
            except StuckError as error:
                self._after_faults([item], error)


def _next_round(items: list[Item]) -> tuple[list[Item], list[Item], list[Item]]:
    """Return what can go now, in a batch and alone, and what has to wait for that.

    Of each lane, all items go up to the first that takes the other way than the lane's first one.
    """
    if all(item.is_batchable for item in items):
        return items, [], []
    way_of_lane: dict[str, bool] = {}
    waiting_lanes: set[str] = set()
    batch: list[Item] = []
    lone: list[Item] = []
    rest: list[Item] = []
    for item in items:
        if way_of_lane.setdefault(item.lane, item.is_batchable) != item.is_batchable:
            waiting_lanes.add(item.lane)
        if item.lane in waiting_lanes:
            rest.append(item)
        else:
            (batch if item.is_batchable else lone).append(item)
    return batch, lone, rest


def _after_refusal(items: list[Item], judgement: Judgement) -> list[list[Item]]:
    """Refuse what the answer names; return the parts that are to be sent again, in order."""
    if judgement.refused:
        rest = _without(items, judgement.status, judgement.refused)
        return [rest] if rest else []
    if len(items) > 1:
        return _halves(items)
    if judgement.problem is not None:
        items[0].refuse(judgement.status, judgement.problem)
    return []


def _without(items: list[Item], status: int, problems: Mapping[int, Problem]) -> list[Item]:
    """Refuse the items at some indices; return the others."""
    for index, problem in problems.items():
        items[index].refuse(status, problem)
    return [item for index, item in enumerate(items) if index not in problems]


def _halves(items: list[Item]) -> list[list[Item]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
