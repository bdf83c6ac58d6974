"""What became of the messages of a rehearsal, by the stand-in's journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """Every message once: ``sent`` are ``delivered`` and ``lost``.

    Args:
        sent: messages that the broker acknowledged.
        delivered: of these, those that were applied.
        duplicates: events that arrived again and were recognised.
        out_of_order: events that were applied after a later one of the same person.
        refused_by_limit: requests that the stand-in answered with 429.
    """

    sent: int
    delivered: int
    duplicates: int
    out_of_order: int
    refused_by_limit: int

    @property
    def lost(self) -> int:
        """Messages that were acknowledged and never applied."""
        return self.sent - self.delivered

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost or out of order, and the limit was kept."""
        return not (self.lost or self.out_of_order or self.refused_by_limit)

    @property
    def line(self) -> str:
        """The account in a line."""
        return (
            f"{self.sent} sent, {self.delivered} delivered, {self.lost} lost, {self.duplicates} sent again "
            "and "
            f"recognised, {self.out_of_order} out of order, {self.refused_by_limit} requests above the limit"
        )


def read_account(journal: Path, sequences: Mapping[str, int], refused_by_limit: int) -> Account:
    """Compare the journal with what was sent.

    Args:
        journal: the stand-in's.
        sequences: of each person the number of messages; they are numbered from 1.
        refused_by_limit: 429 answers of the stand-in.
    """
    applied: dict[str, set[int]] = {person: set() for person in sequences}
    highest: dict[str, int] = {}
    duplicates = out_of_order = 0
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["operation"] != "event":
                continue
            person, sequence = entry["person"], entry["attributes"]["sequence"]
            if entry["duplicate"]:
                duplicates += 1
                continue
            applied[person].add(sequence)
            out_of_order += sequence < highest.get(person, 0)
            highest[person] = max(sequence, highest.get(person, 0))
    return Account(
        sent=sum(sequences.values()),
        delivered=sum(len(numbers) for numbers in applied.values()),
        duplicates=duplicates,
        out_of_order=out_of_order,
        refused_by_limit=refused_by_limit,
    )
