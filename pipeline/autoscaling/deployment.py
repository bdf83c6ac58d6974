"""What a plan assumes of the Deployment and its autoscaler.

The manifests in ``deploy/kubernetes/pipeline`` say the same; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.autoscaling.behavior import Policy, Rules

_UP = Rules(0, (Policy("Pods", 4, 60),))
_DOWN = Rules(300, (Policy("Pods", 2, 60),))


@dataclass(frozen=True)
class WorkerDeployment:
    """The Deployment of the workers, and its HorizontalPodAutoscaler.

    Args:
        name: the Deployment's name.
        settings_name: the name of its ConfigMap and its Secret.
        autoscaler: the HorizontalPodAutoscaler's name.
        least_replicas: so many run at any time: one may fail while another is replaced.
        most_replicas: the autoscaler's upper bound, unless the volume needs more.
        overlap: replicas that still end while their successors begin: one of a rolling update, and one of a
            node that is drained.
        cpu_request_cores: the CPU that a replica reserves. The autoscaler's target is a share of it.
        cpu_limit_cores: the CPU that a replica may use; a worker is one process with one core.
        cpu_target_share: the share of the reserved CPU that the autoscaler aims at.
        backlog_per_replica: unsettled messages per replica that the autoscaler aims at.
        up: how fast replicas are added.
        down: how fast they are removed: each change is a rebalance for all workers.
    """

    name: str = "customerio-worker"
    settings_name: str = "customerio-pipeline"
    autoscaler: str = "customerio-worker-hpa"
    least_replicas: int = 3
    most_replicas: int = 20
    overlap: int = 2
    cpu_request_cores: float = 0.5
    cpu_limit_cores: float = 1.0
    cpu_target_share: float = 0.7
    backlog_per_replica: int = 1000
    up: Rules = _UP
    down: Rules = _DOWN
