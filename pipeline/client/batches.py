"""One batch to its end: what was refused is told apart from what was taken, whatever the answers are.

- 200: all taken. 207: what it names is refused, the rest taken.
- A 207 that can't be relied on: nobody knows what was taken, so every item is sent again, alone and to
  ``/entity``, where the status speaks for it. Ids keep events that had been taken from counting twice,
  and an identify may be repeated.
- 400: nothing taken. What it names is refused and the rest sent again; if it names nobody, each half is
  sent alone, down to single items, so that one bad item never condemns the others. 413, 422 likewise.

The parts go one after the other in the order of the batch, so the order of a person's operations is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.customerio.paths import BATCH_PATH
from pipeline.client.attempts import Attempts
from pipeline.client.before_sending import BATCH_BYTES, batch_body
from pipeline.client.replies import (
    Problem,
    Reply,
    named_problems,
    partial_problems,
    problem,
)
from pipeline.client.singles import UNREADABLE_207, deliver_alone
from pipeline.outcome import Delivered, Outcome, Refused


@dataclass
class Item:
    """An operation's bytes on their way, and the requests that have carried them."""

    body: bytes
    attempts: int = 0
    outcome: Outcome | None = None

    @property
    def settled(self) -> Outcome:
        """The outcome that there must be by now."""
        if self.outcome is None:
            raise AssertionError("an item of a batch was left without an outcome")
        return self.outcome

    def deliver(self) -> None:
        self.outcome = Delivered(self.attempts)

    def refuse(self, status: int, why: Problem) -> None:
        self.outcome = Refused(self.attempts, status, why.reason, why.field, why.message)


async def deliver_batch(attempts: Attempts, items: list[Item]) -> None:
    """Sends items together, and in smaller parts where that must be."""
    parts = [items] if items else []
    while parts:
        part = parts.pop()
        body = batch_body([item.body for item in part])
        if len(body) > BATCH_BYTES:
            parts += reversed(_halves(part))
            continue
        reply, made = await attempts.request("POST", BATCH_PATH, body)
        for item in part:
            item.attempts += made
        if reply.status == 207:
            await _settle_207(attempts, part, reply)
        else:
            parts += reversed(_settle(part, reply))


async def _settle_207(attempts: Attempts, items: list[Item], reply: Reply) -> None:
    refused = partial_problems(reply, len(items))
    if refused is not None:
        for item in _without(items, 207, refused):
            item.deliver()
        return
    attempts.retrying(UNREADABLE_207)
    for item in items:
        item.outcome = await deliver_alone(attempts, item.body, made_before=item.attempts)


def _settle(items: list[Item], reply: Reply) -> list[list[Item]]:
    """Puts down what an answer that holds for all items says; returns what is to be sent again, in order."""
    if reply.status < 300:
        for item in items:
            item.deliver()
        return []
    named = {} if reply.status == 413 else named_problems(reply, len(items))
    if named:
        rest = _without(items, reply.status, named)
        return [rest] if rest else []
    if len(items) > 1:
        return _halves(items)
    for item in items:
        item.refuse(reply.status, problem(reply))
    return []


def _without(items: list[Item], status: int, refused: Mapping[int, Problem]) -> list[Item]:
    """Refuses the items at some indices; returns the others."""
    for index, why in refused.items():
        items[index].refuse(status, why)
    return [item for index, item in enumerate(items) if index not in refused]


def _halves(items: list[Item]) -> list[list[Item]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
