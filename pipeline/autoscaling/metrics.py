"""How many replicas each metric asks for, by Kubernetes' published formula.

The source is Kubernetes' documentation of the HorizontalPodAutoscaler (section "Algorithm details"):

    desired replicas = ceil(current replicas x metric / target)

Nothing changes within the tolerance, a tenth of the target. A replica without a metric counts as one that
uses all of its request if the others ask for fewer replicas, and as one that uses nothing if they ask for
more. One that is not ready yet counts as using nothing if the others ask for more, and is left out otherwise.
Where these assumptions turn the direction, nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 0.1
"""The default of the control plane, as a share of the target."""


@dataclass(frozen=True)
class ReplicaCpu:
    """What is known of a replica's CPU.

    Args:
        cores: used on average since the last look; ``None`` if the metric is missing.
        is_ready: whether it is ready. The CPU of one that still starts says nothing.
    """

    cores: float | None
    is_ready: bool = True


def replicas_by_cpu(
    current: int, replicas: Sequence[ReplicaCpu], request_cores: float, target_share: float
) -> int | None:
    """Return how many replicas an average CPU utilization asks for.

    Args:
        current: the replicas there are now.
        replicas: of each its CPU.
        request_cores: what each reserves.
        target_share: the share of it that is aimed at.

    Returns:
        The number, or ``None`` if no replica that is ready has a metric.
    """
    known = [replica.cores for replica in replicas if replica.cores is not None and replica.is_ready]
    unready = sum(1 for replica in replicas if replica.cores is not None and not replica.is_ready)
    missing = sum(1 for replica in replicas if replica.cores is None)
    if not known:
        return None
    target_cores = request_cores * target_share
    ratio = sum(known) / (len(known) * target_cores)
    counted = list(known)
    if ratio < 1:
        # As the control plane has it: at least the whole request, where the target is below it.
        counted += [max(request_cores, target_cores)] * missing
    elif ratio > 1:
        counted += [0.0] * (missing + unready)
    new_ratio = sum(counted) / (len(counted) * target_cores)
    if _is_tolerated(new_ratio) or (ratio - 1) * (new_ratio - 1) < 0:
        return current
    wanted = _ceil(new_ratio * len(counted))
    # With replicas that do not count, fewer may be left than there are.
    if (new_ratio < 1 and wanted > current) or (new_ratio > 1 and wanted < current):
        return current
    return wanted


def replicas_by_backlog(current: int, backlog: float | None, target_per_replica: float) -> int | None:
    """Return how many replicas an external metric with an average value per replica asks for.

    Args:
        current: the replicas there are now.
        backlog: in all; ``None`` if it is unknown.
        target_per_replica: what is aimed at.

    Returns:
        The number, or ``None`` if the backlog is unknown.
    """
    if backlog is None:
        return None
    if current > 0 and _is_tolerated(backlog / (target_per_replica * current)):
        return current
    return _ceil(backlog / target_per_replica)


def greatest(current: int, proposals: Sequence[int | None]) -> int | None:
    """Return the greatest of what the metrics ask for, or ``None`` if this look is to change nothing.

    While a metric is unknown the number does not become smaller: the unknown one might ask for more.
    """
    known = [proposal for proposal in proposals if proposal is not None]
    if not known:
        return None
    wanted = max(known)
    return None if len(known) < len(proposals) and wanted < current else wanted


def _is_tolerated(ratio: float) -> bool:
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


def _ceil(number: float) -> int:
    """Round up, but not for what a division leaves in the last bits: 3.0000000000000004 are three."""
    return math.ceil(number - 1e-9)
