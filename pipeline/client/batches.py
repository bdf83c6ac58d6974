"""One batch to its end: refused items are told apart from accepted ones, whatever the answers are.

- An answer that accepts all, or names each refused item: the others are delivered, whatever 2xx it is.
- A 2xx that refuses something and does not say what: nobody knows what was accepted, so every item is sent
  again, alone and to ``/entity``, where the answer can only be about it. Ids keep events that had been
  accepted from counting twice, and an identify may be repeated.
- 400: nothing was accepted. What it names is refused and the rest sent again; if it names nobody, each half
  is sent alone, down to single items, so that one bad item never condemns the others. 413 and 422 likewise.

The parts go one after the other in the order of the batch, so the order of a person's operations is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.customerio.answers import Judgement, Meaning, Problem
from config.customerio.paths import BATCH_PATH
from pipeline.client.attempts import Attempts, unreadable
from pipeline.client.before_sending import BATCH_BYTES, batch_body
from pipeline.client.singles import deliver_alone, refused
from pipeline.outcome import Delivered, Outcome


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
        """Note that Customer.io has accepted it."""
        self.outcome = Delivered(self.attempts)

    def refuse(self, status: int, problem: Problem) -> None:
        """Note that Customer.io has refused it."""
        self.outcome = refused(self.attempts, status, problem)


async def deliver_batch(attempts: Attempts, items: list[Item]) -> None:
    """Send items together, and in smaller parts where that must be, until each has an outcome."""
    parts = [items] if items else []
    while parts:
        part = parts.pop()
        body = batch_body([item.body for item in part])
        if len(body) > BATCH_BYTES:
            parts += reversed(_halves(part))
            continue
        judgement, made = await attempts.request("POST", BATCH_PATH, body, len(part))
        for item in part:
            item.attempts += made
        if judgement.meaning is Meaning.DOUBTFUL:
            attempts.retrying(unreadable(judgement.status))
            await _deliver_each_alone(attempts, part)
        elif judgement.meaning is Meaning.REFUSED:
            parts += reversed(_after_refusal(part, judgement))
        else:
            for item in _without(part, judgement.status, judgement.refused):
                item.deliver()


async def _deliver_each_alone(attempts: Attempts, items: list[Item]) -> None:
    for item in items:
        item.outcome = await deliver_alone(attempts, item.body, made_before=item.attempts)


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
