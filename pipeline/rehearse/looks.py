"""One look of the autoscaler: what it saw, what each metric asked for, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.autoscaling.behavior import Scaling
from pipeline.autoscaling.deployment import WorkerDeployment
from pipeline.autoscaling.metrics import ReplicaCpu, greatest, replicas_by_backlog, replicas_by_cpu


@dataclass(frozen=True)
class Look:
    """One look.

    Args:
        second: since the start of the load.
        replicas: workers that were there.
        ready: of these, those that were ready.
        backlog: messages not committed; ``None`` if unknown.
        cpu_share: the mean CPU of those that are known, as a share of the request; ``None`` if none is.
        by_cpu: replicas that the CPU asks for; ``None`` if it is unknown.
        by_backlog: replicas that the backlog asks for.
        next_replicas: workers from now on.
        sent_per_second: since the last look.
        delivered_per_second: since the last look.
        delivery_ms: the mean time from a message to its delivery; ``None`` without one.
    """

    second: float
    replicas: int
    ready: int
    backlog: int | None
    cpu_share: float | None
    by_cpu: int | None
    by_backlog: int | None
    next_replicas: int
    sent_per_second: float
    delivered_per_second: float
    delivery_ms: float | None


class Autoscaler:
    """Decides by the Deployment's numbers, look after look.

    Args:
        deployment: its bounds, its targets, and how fast it may change.
        time_scale: by what its times are multiplied.
    """

    def __init__(self, deployment: WorkerDeployment, time_scale: float) -> None:
        self._deployment = deployment
        self._scaling = Scaling(
            deployment.least_replicas,
            deployment.most_replicas,
            deployment.up.scaled(time_scale),
            deployment.down.scaled(time_scale),
        )

    def decide(
        self, second: float, current: int, cpus: Sequence[ReplicaCpu], backlog: int | None
    ) -> tuple[int | None, int | None, int]:
        """Return the replicas that CPU and backlog ask for, and those to have from now on."""
        by_cpu = replicas_by_cpu(
            current, cpus, self._deployment.cpu_request_cores, self._deployment.cpu_target_share
        )
        by_backlog = replicas_by_backlog(current, backlog, self._deployment.backlog_per_replica)
        wanted = greatest(current, [by_cpu, by_backlog])
        if wanted is None:
            # As in the control plane, such a look leaves no recommendation for the stabilization window.
            return by_cpu, by_backlog, current
        return by_cpu, by_backlog, self._scaling.next_replicas(second, current, wanted)
