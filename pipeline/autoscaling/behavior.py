"""How fast the number of replicas may change: stabilization windows, policies, and the bounds.

The source is Kubernetes' documentation of the HorizontalPodAutoscaler, "Configurable scaling behavior".
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """The most that may change within a period: so many pods, or percent of those at its beginning."""

    type: Literal["Pods", "Percent"]
    value: int
    period_seconds: float


@dataclass(frozen=True)
class Rules:
    """The rules for one direction.

    Args:
        stabilization_seconds: the most cautious recommendation of so long ago counts.
        policies: of several, ``select`` says which counts.
        select: the policy that allows the most change, the least, or no change at all.
    """

    stabilization_seconds: float
    policies: tuple[Policy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"

    def scaled(self, time_scale: float) -> Rules:
        """Return the rules with all times multiplied."""
        policies = tuple(
            Policy(policy.type, policy.value, policy.period_seconds * time_scale) for policy in self.policies
        )
        return Rules(self.stabilization_seconds * time_scale, policies, self.select)


KUBERNETES_UP = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
"""What holds where a manifest has no rules for scaling up."""

KUBERNETES_DOWN = Rules(300, (Policy("Percent", 100, 15),))
"""What holds where a manifest has no rules for scaling down."""


@dataclass(frozen=True)
class _Change:
    at: float
    replicas: int  # added if positive, removed if negative


class Scaling:
    """Turns what the metrics ask for into the number of replicas, one look after the other.

    Args:
        least: the lower bound of replicas.
        most: the upper bound.
        up: the rules for more replicas.
        down: the rules for fewer.
    """

    def __init__(self, least: int, most: int, up: Rules, down: Rules) -> None:
        self._least = least
        self._most = most
        self._up = up
        self._down = down
        self._recommendations: deque[tuple[float, int]] = deque()
        self._changes: deque[_Change] = deque()

    def next_replicas(self, now: float, current: int, wanted: int) -> int:
        """Return the number of replicas to have from now on, and remember it.

        Args:
            now: in seconds; never less than at the last call.
            current: the replicas there are now.
            wanted: what the metrics ask for.
        """
        # Windows and periods include what happened exactly at their beginning in neither case.
        self._forget(now)
        stable = self._stabilized(now, current, wanted)
        self._recommendations.append((now, wanted))
        replicas = self._bounded(now, current, stable)
        if replicas != current:
            self._changes.append(_Change(now, replicas - current))
        return replicas

    def _stabilized(self, now: float, current: int, wanted: int) -> int:
        """Return the recommendation: up to the lowest of the recent ones, or down to the highest."""
        lowest = min(self._recent(now, self._up.stabilization_seconds), default=wanted)
        highest = max(self._recent(now, self._down.stabilization_seconds), default=wanted)
        return min(max(current, min(lowest, wanted)), max(highest, wanted))

    def _recent(self, now: float, seconds: float) -> list[int]:
        return [replicas for at, replicas in self._recommendations if at > now - seconds]

    def _bounded(self, now: float, current: int, wanted: int) -> int:
        if wanted > current:
            # Changes of the last period may have been larger than is allowed now.
            limit = max(current, self._up_limit(now, current))
            return min(wanted, self._most, limit)
        if wanted < current:
            limit = min(current, self._down_limit(now, current))
            return max(wanted, self._least, limit)
        return min(max(wanted, self._least), self._most)

    def _up_limit(self, now: float, current: int) -> int:
        if self._up.select == "Disabled":
            return current
        limits = [
            began + policy.value if policy.type == "Pods" else math.ceil(began * (100 + policy.value) / 100)
            for policy in self._up.policies
            for began in [self._at_beginning(now, current, policy)]
        ]
        return max(limits) if self._up.select == "Max" else min(limits)

    def _down_limit(self, now: float, current: int) -> int:
        if self._down.select == "Disabled":
            return current
        limits = [
            began - policy.value if policy.type == "Pods" else began * (100 - policy.value) // 100
            for policy in self._down.policies
            for began in [self._at_beginning(now, current, policy)]
        ]
        return min(limits) if self._down.select == "Max" else max(limits)

    def _at_beginning(self, now: float, current: int, policy: Policy) -> int:
        """Return how many replicas there were when the policy's period began."""
        since = now - policy.period_seconds
        return current - sum(change.replicas for change in self._changes if change.at > since)

    def _forget(self, now: float) -> None:
        """Forget what no window and no period covers any more."""
        windows = (self._up.stabilization_seconds, self._down.stabilization_seconds)
        while self._recommendations and self._recommendations[0][0] <= now - max(windows):
            self._recommendations.popleft()
        periods = [policy.period_seconds for policy in (*self._up.policies, *self._down.policies)]
        while self._changes and self._changes[0].at <= now - max(periods, default=0.0):
            self._changes.popleft()
