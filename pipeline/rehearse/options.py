"""What a rehearsal is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.profile import Profile
from pipeline.autoscaling.deployment import WorkerDeployment


@dataclass(frozen=True)
class RehearsalOptions:
    """The load, the autoscaler and the faults of a rehearsal. All times are those of the rehearsal.

    Args:
        profile: the load, its times already scaled.
        time_scale: by what the autoscaler's times are multiplied.
        deployment: the autoscaler's numbers, in the manifests' times.
        partitions: of the topic.
        latency_seconds: how long the stand-in takes for a request.
        kill_after_seconds: when a worker is killed with SIGKILL; ``None`` for never.
        idempotent: whether the broker has idempotent writes.
        folder: for the page, the figures and the workers' logs.
    """

    profile: Profile
    time_scale: float
    deployment: WorkerDeployment
    partitions: int
    latency_seconds: float
    kill_after_seconds: float | None
    idempotent: bool
    folder: Path

    @property
    def initialization_seconds(self) -> float:
        """How long a worker's CPU counts only while it is ready: five minutes in Kubernetes."""
        return 300 * self.time_scale

    @property
    def look_seconds(self) -> float:
        """How often the autoscaler looks: every 15 s in Kubernetes, and at most every half second here."""
        return max(0.5, 15 * self.time_scale)
