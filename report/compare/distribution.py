"""A distribution rebuilt from the few percentiles that a row of ``metrics.csv`` keeps of its values."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class QuantileRow:
    """The values of one row in milliseconds: ``ranks[i]`` of them do not exceed ``values[i]``.

    The ranks are those of nearest-rank percentiles, so each is exact; between two of them the values
    are taken to be spread evenly.
    """

    ranks: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, count: int, least: float, percentiles: Mapping[int, float], greatest: float) -> QuantileRow:
        """Return a row from its count, minimum, nearest-rank percentiles in rising order, and maximum.

        Raises:
            ValueError: no values, or percentiles that fall.
        """
        if count < 1:
            raise ValueError("a row without values")
        known = {1: least}
        for percent, value in percentiles.items():
            known[max(1, -(-count * percent // 100))] = value
        known[count] = greatest
        values = tuple(known.values())
        if not all(a <= b for a, b in pairwise(values)):
            raise ValueError("percentiles that fall")
        return cls(tuple(known), values)

    @property
    def count(self) -> int:
        """How many values."""
        return self.ranks[-1]

    def count_up_to(self, value: float) -> float:
        """Return how many of the values do not exceed ``value`` (milliseconds)."""
        place = bisect_right(self.values, value)
        if place == 0:
            return 0.0
        if place == len(self.values):
            return float(self.count)
        low, high = self.values[place - 1], self.values[place]
        ranks = self.ranks[place - 1], self.ranks[place]
        return ranks[0] + (ranks[1] - ranks[0]) * (value - low) / (high - low)


class PooledDistribution:
    """The distribution of all values of many rows together, and its inverse.

    It is piecewise linear with steps: a row's mass between two known ranks lies evenly between their
    values, and on the value itself where both are the same.
    """

    def __init__(self, rows: Iterable[QuantileRow]) -> None:
        slopes: dict[float, float] = {}
        steps: dict[float, float] = {}
        self.count = 0
        for row in rows:
            self.count += row.count
            steps[row.values[0]] = steps.get(row.values[0], 0.0) + row.ranks[0]
            for index in range(1, len(row.ranks)):
                between = row.ranks[index] - row.ranks[index - 1]
                low, high = row.values[index - 1], row.values[index]
                if low == high:
                    steps[low] = steps.get(low, 0.0) + between
                else:
                    slopes[low] = slopes.get(low, 0.0) + between / (high - low)
                    slopes[high] = slopes.get(high, 0.0) - between / (high - low)
        self._knots = sorted(slopes.keys() | steps.keys())
        self._before: list[float] = []  # the mass below each knot
        self._up_to: list[float] = []  # the same with the step that lies on it
        mass, slope, last = 0.0, 0.0, self._knots[0] if self._knots else 0.0
        for knot in self._knots:
            mass += slope * (knot - last)
            self._before.append(mass)
            mass += steps.get(knot, 0.0)
            self._up_to.append(mass)
            slope, last = slope + slopes.get(knot, 0.0), knot

    def share_up_to(self, value: float) -> float:
        """Return the share of values that do not exceed ``value`` (milliseconds), from 0 to 1."""
        place = bisect_right(self._knots, value) - 1
        if place < 0:
            return 0.0
        mass = self._up_to[place]
        if place + 1 < len(self._knots):
            low, high = self._knots[place], self._knots[place + 1]
            mass += (self._before[place + 1] - mass) * (value - low) / (high - low)
        return min(1.0, mass / self.count)

    def value_at(self, share: float) -> float:
        """Return the least value (milliseconds) that at least ``share`` of all values do not exceed."""
        wanted = share * self.count
        place = bisect_right(self._up_to, wanted * (1 - 1e-12))
        if place >= len(self._knots):
            return self._knots[-1]
        if place == 0 or wanted > self._before[place]:
            return self._knots[place]
        low, high = self._knots[place - 1], self._knots[place]
        mass, above = self._up_to[place - 1], self._before[place]
        return low + (high - low) * (wanted - mass) / (above - mass) if above > mass else high
