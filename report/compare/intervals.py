"""Confidence intervals for shares, for percentiles of independent requests, and for differences.

Failures come together: a pause of the server hits many requests at once. Taking N requests for N independent
ones makes intervals too narrow. For a share, step by step:

1. y(s) = (x(s) - P n(s)) / N, where x(s) of the n(s) values of second s are true, N = sum n and
   P = sum x / N. The variance of the sum of y over S seconds comes from *overlapping batch means* with
   batches of b = ceil(sqrt(S)) seconds::

       Var(sum y) = S * S b / ((S - b + 1) (S - b)) * mean square batch mean, summed over all batches

   (Meketon & Schmeiser, "Overlapping batch means", Winter Simulation Conference 1984; b as in Flegal &
   Jones, Annals of Statistics 38, 2010.) To first order this is the variance that a moving-block
   bootstrap converges to (Künsch, Annals of Statistics 17, 1989), without drawing anything at random.
   Where both runs ran the same seconds of a schedule this is done once, on y_B(s) - y_A(s): what the schedule
   does to both alike is no noise, and cancels.
2. Its ratio to what independent requests would have, P (1 - P) / N (the sum of both runs' where they are
   taken together), is the *design effect* (Kish, Survey Sampling, 1965). It is never taken to be less
   than 1. N / design effect is the effective sample size.
3. A share's interval is Wilson's (JASA 22, 1927) with the effective size, which stays meaningful at 0.
4. The interval of a difference is MOVER (Zou & Donner, Statistics in Medicine 27, 2008; for shares it is
   Newcombe's method 10, Statistics in Medicine 17, 1998): it keeps both intervals' asymmetry.

Percentiles are compared by sections (``sections.py``). Only where a run has no seconds to cut, its requests
count as independent, and a percentile's interval is Woodruff's (JASA 47, 1952): the values at the orders
p ± h, with h = z sqrt(p (1 - p) / N). Where p + h reaches 1, there is no upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from report.compare.distribution import PooledDistribution
from report.compare.reading import RateSeries, TrendSeries

FEWEST_SECONDS = 10
"""With fewer, nothing can be said of how seconds depend on each other; requests count as independent."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its confidence interval, and how many independent requests it is worth.

    In milliseconds for a percentile, from 0 to 1 for a share.
    """

    value: float
    low: float
    high: float
    effective_size: float


@dataclass(frozen=True)
class Difference:
    """B minus A in the unit of the two, or B over A minus 1, with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly above or wholly below zero."""
        return self.low > 0 or self.high < 0


def percentile_of_independent(run: TrendSeries, percent: int, confidence: float) -> Estimate:
    """Return a percentile in milliseconds with its interval, as if requests did not depend on each other.

    Raises:
        KeyError: a percentile that the summary does not have.
    """
    pooled = PooledDistribution([row for second in run.seconds for row in second] or [run.overall])
    value, order = run.percentiles[percent], percent / 100
    half = critical_value(confidence, math.inf) * math.sqrt(order * (1 - order) / run.count)
    # The rows know the summary's percentile only roughly: its own share among them is the centre.
    centre = pooled.share_up_to(value)
    low = pooled.value_at(max(0.0, centre - half)) if half < order else 0.0
    high = pooled.value_at(min(1.0, centre + half)) if order + half < 1 else math.inf
    return Estimate(value, min(low, value), max(high, value), run.count)


def share_estimates(
    runs: tuple[RateSeries, RateSeries], confidence: float, *, same_schedule: bool
) -> tuple[Estimate, Estimate]:
    """Return the shares of two runs, from 0 to 1, each with an interval of that confidence (0 to 1)."""
    a, b = runs
    of_a, of_b = _design_effects(a.seconds, b.seconds, same_schedule=same_schedule)
    return _share_estimate(a, of_a, confidence), _share_estimate(b, of_b, confidence)


def difference(a: Estimate, b: Estimate) -> Difference:
    """Return B minus A with its interval; the estimates must be independent and of the same confidence."""
    value = b.value - a.value
    return Difference(
        value,
        value - math.hypot(b.value - b.low, a.high - a.value),
        value + math.hypot(b.high - b.value, a.value - a.low),
    )


def critical_value(confidence: float, freedom: float) -> float:
    """Return the two-sided critical value of Student's t, by its expansion (Abramowitz & Stegun 26.7.5).

    With 4 degrees of freedom, the fewest here, it is 0.7% too small at a confidence of 99.7%.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if math.isinf(freedom):
        return z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4


@dataclass(frozen=True)
class _DesignEffect:
    """At least 1; its degrees of freedom are infinite where 1 is an assumption."""

    value: float = 1.0
    freedom: float = math.inf


def _share_estimate(run: RateSeries, effect: _DesignEffect, confidence: float) -> Estimate:
    size, share = run.total / effect.value, run.passes / run.total
    squared = critical_value(confidence, effect.freedom) ** 2
    centre = (share + squared / (2 * size)) / (1 + squared / size)
    half = math.sqrt(share * (1 - share) * squared / size + squared**2 / (4 * size**2)) / (1 + squared / size)
    return Estimate(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)), size)


def _design_effects(
    a: Sequence[tuple[float, int]], b: Sequence[tuple[float, int]], *, same_schedule: bool
) -> tuple[_DesignEffect, _DesignEffect]:
    if not same_schedule or min(len(a), len(b)) < FEWEST_SECONDS:
        return _own_effect(a), _own_effect(b)
    of_a, of_b = _deviations(a), _deviations(b)
    seconds = max(len(a), len(b))
    differences = [
        (of_b[second] if second < len(b) else 0.0) - (of_a[second] if second < len(a) else 0.0)
        for second in range(seconds)
    ]
    independent = _independent_variance(a) + _independent_variance(b)
    effect = _effect(differences, independent)
    return effect, effect


def _own_effect(series: Sequence[tuple[float, int]]) -> _DesignEffect:
    if len(series) < FEWEST_SECONDS:
        return _DesignEffect()
    return _effect(_deviations(series), _independent_variance(series))


def _deviations(series: Sequence[tuple[float, int]]) -> list[float]:
    """Return for each second by how much it moves the run's share; the sum is 0."""
    total = sum(number for _, number in series)
    share = sum(counted for counted, _ in series) / total
    return [(counted - share * number) / total for counted, number in series]


def _independent_variance(series: Sequence[tuple[float, int]]) -> float:
    """Return the variance of the run's share if all its values were independent."""
    total = sum(number for _, number in series)
    share = sum(counted for counted, _ in series) / total
    return max(0.0, share * (1 - share)) / total


def _effect(deviations: Sequence[float], independent: float) -> _DesignEffect:
    """Return the design effect by overlapping batch means; 1 if nothing varies."""
    seconds = len(deviations)
    batch = math.ceil(math.sqrt(seconds))
    # Overlapping batches have half as many degrees of freedom again as separate ones (Meketon & Schmeiser).
    freedom = max(3.0, 1.5 * (seconds / batch - 1))
    if independent <= 0:
        return _DesignEffect()
    squares, window = 0.0, 0.0
    for end, deviation in enumerate(deviations):
        window += deviation - (deviations[end - batch] if end >= batch else 0.0)
        if end >= batch - 1:
            squares += (window / batch) ** 2
    variance = seconds * seconds * batch / ((seconds - batch + 1) * (seconds - batch)) * squares
    return _DesignEffect(max(1.0, variance / independent), freedom)
