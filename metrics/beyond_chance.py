"""Whether a share of a few samples is above a limit by more than chance."""

from __future__ import annotations

import math

ERROR_PROBABILITY = 0.01
"""How often a generator whose true share is just at its limit is blamed all the same: once in a hundred."""


def is_beyond_chance(found: int, total: int, share: float) -> bool:
    """Return whether ``found`` of ``total`` samples say that the true share is above ``share`` (0 to 1).

    The exact one-sided binomial bound: the lower confidence limit of Clopper & Pearson ("The use of
    confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934) at 99% is
    above ``share`` exactly if P(X >= found) < 0.01 for X ~ Binomial(total, share). With few samples that
    takes more than one bad sample: 3 of 40 where 1% is allowed, 10 of 400, 1075 of 100 000.

    Raises:
        ValueError: more found than there are, or a share that is not between 0 and 1.
    """
    if not 0 <= found <= total or not 0 < share < 1:
        raise ValueError(f"expected 0 <= found <= total and 0 < share < 1, got {found}, {total}, {share}")
    # Up to the mean the probability is at least one half, as a binomial's median is the mean, rounded.
    if found <= total * share:
        return False
    term = math.exp(_log_probability(found, total, share))
    tail = 0.0
    # Above the mean each term is smaller than the one before, so the sum ends early.
    for number in range(found, total + 1):
        tail += term
        # One of one is the bound itself, where rounding must not decide.
        if tail >= ERROR_PROBABILITY * (1 - 1e-9):
            return False
        if term <= tail * 1e-12:
            break
        term *= (total - number) / (number + 1) * share / (1 - share)
    return True


def _log_probability(found: int, total: int, share: float) -> float:
    """Return log P(X = found); the logarithms keep a large ``total`` within the range of a float."""
    ways = math.lgamma(total + 1) - math.lgamma(found + 1) - math.lgamma(total - found + 1)
    return ways + found * math.log(share) + (total - found) * math.log1p(-share)
