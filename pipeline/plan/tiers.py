"""The tiers: which architecture a volume asks for, read from ``tiers.toml`` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

TierName = Literal["single-service", "queue-based", "distributed"]


@dataclass(frozen=True)
class Tier:
    """An architecture: its name, where it begins, and what the older write-up says of it."""

    name: TierName
    from_events_per_day: int
    includes_border: bool
    published: str

    def holds(self, events_per_day: float) -> bool:
        """Return whether a volume has reached this tier, or one above it."""
        if self.includes_border:
            return events_per_day >= self.from_events_per_day
        return events_per_day > self.from_events_per_day


@cache
def tiers() -> tuple[Tier, ...]:
    """Return the tiers, the smallest volumes first."""
    entries: dict[str, Any] = tomllib.loads(
        Path(__file__).with_name("tiers.toml").read_text(encoding="utf-8")
    )
    return tuple(Tier(name, **entries[name]) for name in get_args(TierName))


def tier_of(events_per_day: float) -> Tier:
    """Return the tier that a volume asks for by the published table."""
    return [tier for tier in tiers() if tier.holds(events_per_day)][-1]


def tier_named(name: TierName) -> Tier:
    """Return a tier by its name."""
    return next(tier for tier in tiers() if tier.name == name)
