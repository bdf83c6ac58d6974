"""The arithmetic of a plan: pure, in events, requests and seconds.

With L requests per second in the limiter, whose planned starts keep a guard g of the window, and at most b
events in a batch, the limit carries

    C = b L / (1 + g)

events per second. A batch is sent when it is full or when its first event has waited w seconds. A worker that
receives r events per second therefore sends batches of min(b, 1 + r w) events. An outage of T seconds at the
peak rate p leaves p T messages; workers that deliver at a rate R > p, while p continues, need

    p T / (R - p)

seconds for them, and before that at most the longest pause between two retries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pipeline.autoscaling.deployment import WorkerDeployment
from pipeline.client import BATCH_BYTES, BATCH_FRAME_BYTES
from pipeline.limiter.window import GUARD_SHARE
from pipeline.plan.demand import Demand, WorkerRate
from pipeline.plan.tiers import Tier, tier_named, tier_of
from pipeline.sender import BatchLimits

HEADROOM_SHARE = 0.8
"""The share of Customer.io's limit that the limiter uses, as its default of 80 is of 100: the limit belongs
to the workspace, and other programs use it, too."""

RETRY_SECONDS = 5.0
"""The longest pause between two attempts while Customer.io is unreachable. A test compares it with the "
"client's."""

LEAST_RETENTION_SECONDS = 3 * 86_400.0
"""A weekend; and the age up to which Customer.io triggers campaigns by an event (72 h)."""

_LATENCY_TARGET_SHARE = 0.7  # of what a worker can have in flight, as for the CPU
_LONGEST_GAP_MS = 10
_GAP_SHARE = 0.8  # of the time that a start has, so that the gap never is the limit
_PARTITIONS_MULTIPLE = 12  # divides evenly among 3, 4, 6 or 12 workers
_SURGE_FACTOR = 1.5  # the autoscaler's room above the workers that the peak needs

_BATCH = BatchLimits()

Bound = Literal["limit", "cpu", "latency"]


@dataclass(frozen=True)
class LimiterPlan:
    """The limiter's settings; ``requests_without_redis`` is what each worker may start without it."""

    requests: int
    concurrency: int
    min_gap_ms: int
    max_processes: int

    @property
    def requests_without_redis(self) -> int:
        """The requests per second of one worker while Redis is unreachable."""
        return self.requests // self.max_processes


@dataclass(frozen=True)
class WorkerPlan:
    """What one worker delivers, in events per second, and what stops it there.

    Args:
        at_target: while the autoscaler sees it exactly at its target.
        most: with a full core and all its batches in flight.
        bound: which of the two is reached first.
    """

    at_target: float
    most: float
    bound: Literal["cpu", "latency"]


@dataclass(frozen=True)
class QueuePlan:
    """What the topic must hold: the messages of an outage at the peak, and for how long."""

    messages: int
    bytes: int
    retention_seconds: float


@dataclass(frozen=True)
class QueueTierPlan:
    """The part of a plan that only a tier with a queue has.

    Args:
        workers: replicas that carry the peak at the autoscaler's target.
        most_replicas: the autoscaler's upper bound.
        useful_workers: from how many workers on the limit is what stops them.
        partitions: of the topic.
        bound: what stops the planned workers first.
    """

    workers: int
    most_replicas: int
    useful_workers: int
    partitions: int
    bound: Bound
    worker: WorkerPlan
    limiter: LimiterPlan
    queue: QueuePlan
    rate: WorkerRate


@dataclass(frozen=True)
class Plan:
    """What a volume of events needs.

    Args:
        demand: what was asked for.
        deployment: what was assumed of the workers' Deployment.
        tier: the architecture.
        published_tier: the architecture by the volume alone; the peak may ask for a larger one.
        events_per_request: at the peak.
        requests_per_second: at the peak.
        usable_requests_per_second: what the limiter starts at most.
        items_per_batch: the most events in a request.
        drain_seconds: from the end of the outage until no backlog is left; ``None`` if it never is.
        queue_tier: ``None`` for a single service.
    """

    demand: Demand
    deployment: WorkerDeployment
    tier: Tier
    published_tier: Tier
    events_per_request: float
    requests_per_second: float
    usable_requests_per_second: float
    items_per_batch: int
    drain_seconds: float | None
    queue_tier: QueueTierPlan | None

    @property
    def most_events_per_second(self) -> float:
        """What the limit carries: in full batches, or one event per request for a single service."""
        return self.usable_requests_per_second * (self.items_per_batch if self.queue_tier else 1)

    @property
    def is_feasible(self) -> bool:
        """Whether the limit carries the peak, and the workers that it needs may share the limit."""
        return self.carries_peak and self.has_room_for_workers

    @property
    def carries_peak(self) -> bool:
        """Whether the limit carries the peak with something left."""
        return self.demand.peak_events_per_second < self.most_events_per_second

    @property
    def has_room_for_workers(self) -> bool:
        """Whether the autoscaler may start as many workers as the peak needs."""
        return self.queue_tier is None or self.queue_tier.workers <= self.queue_tier.most_replicas


def items_per_batch(payload_bytes: int) -> int:
    """Return how many events of a size a request carries; a comma follows each."""
    return max(1, min(_BATCH.items, (BATCH_BYTES - BATCH_FRAME_BYTES) // (payload_bytes + 1)))


def limiter_requests(limit_requests_per_second: int) -> int:
    """Return the limiter's setting for a limit of Customer.io."""
    return max(1, math.floor(limit_requests_per_second * HEADROOM_SHARE))


def usable_requests_per_second(limit_requests_per_second: int) -> float:
    """Return the requests per second that the limiter starts under backlog."""
    return limiter_requests(limit_requests_per_second) / (1 + GUARD_SHARE)


def choose_tier(demand: Demand) -> Tier:
    """Return the tier by volume, or the one with a queue if single requests exceed the limit at the peak."""
    tier = tier_of(demand.events_per_day)
    usable = usable_requests_per_second(demand.limit_requests_per_second)
    if tier.name == "single-service" and demand.peak_events_per_second >= usable:
        return tier_named("queue-based")
    return tier


def make_plan(demand: Demand, rate: WorkerRate | None, deployment: WorkerDeployment | None = None) -> Plan:
    """Return the plan for a demand.

    Args:
        demand: what is asked for.
        rate: what a worker was measured to deliver; only a single service needs none.
        deployment: what is assumed of the Deployment; ``None`` for the manifests' values.

    Raises:
        ValueError: the tier has workers, and no rate is given.
    """
    deployment = deployment or WorkerDeployment()
    tier = choose_tier(demand)
    usable = usable_requests_per_second(demand.limit_requests_per_second)
    items = items_per_batch(demand.payload_bytes)
    published = tier_of(demand.events_per_day)
    if tier.name == "single-service":
        peak = demand.peak_events_per_second
        return Plan(demand, deployment, tier, published, 1.0, peak, usable, items, 0.0, None)
    if rate is None:
        raise ValueError("a plan with workers needs a calibration")
    part = _plan_queue_tier(demand, rate, deployment, usable * items, items)
    per_request, requests = _requests(demand.peak_events_per_second, part.workers, items, usable)
    drain = _drain_seconds(demand, usable * items, part.workers * part.worker.most)
    return Plan(demand, deployment, tier, published, per_request, requests, usable, items, drain, part)


def _plan_queue_tier(
    demand: Demand, rate: WorkerRate, deployment: WorkerDeployment, capacity: float, items: int
) -> QueueTierPlan:
    worker = _worker(demand, rate, deployment, items)
    peak = demand.peak_events_per_second
    needed = math.ceil(peak / worker.at_target)
    workers = max(deployment.least_replicas, needed)
    requests = limiter_requests(demand.limit_requests_per_second)
    wanted = max(deployment.most_replicas, math.ceil(needed * _SURGE_FACTOR))
    # Without Redis each process needs at least one request of the limit.
    most = max(deployment.least_replicas, min(wanted, requests - deployment.overlap))
    useful = math.ceil(capacity / worker.most)
    return QueueTierPlan(
        workers=workers,
        most_replicas=most,
        useful_workers=useful,
        partitions=_PARTITIONS_MULTIPLE * math.ceil(most / _PARTITIONS_MULTIPLE),
        bound="limit" if workers >= useful else worker.bound,
        worker=worker,
        limiter=_limiter(demand, requests, most + deployment.overlap),
        queue=_queue(demand, _drain_seconds(demand, capacity, workers * worker.most)),
        rate=rate,
    )


def _queue(demand: Demand, drain_seconds: float | None) -> QueuePlan:
    messages = math.ceil(demand.peak_events_per_second * demand.outage_seconds)
    needed_seconds = demand.outage_seconds + (drain_seconds or 0.0)
    return QueuePlan(
        messages, messages * demand.payload_bytes, max(LEAST_RETENTION_SECONDS, 2 * needed_seconds)
    )


def _worker(demand: Demand, rate: WorkerRate, deployment: WorkerDeployment, items: int) -> WorkerPlan:
    latency_most = _BATCH.concurrency * items / demand.request_seconds
    cpu_most = deployment.cpu_limit_cores * rate.events_per_cpu_second
    cpu_at_target = deployment.cpu_request_cores * deployment.cpu_target_share * rate.events_per_cpu_second
    return WorkerPlan(
        at_target=min(cpu_at_target, _LATENCY_TARGET_SHARE * latency_most),
        most=min(cpu_most, latency_most),
        bound="cpu" if cpu_most <= latency_most else "latency",
    )


def _limiter(demand: Demand, requests: int, max_processes: int) -> LimiterPlan:
    in_flight = usable_requests_per_second(demand.limit_requests_per_second) * demand.request_seconds
    return LimiterPlan(
        requests=requests,
        # Twice what is in flight on average; without Redis at least two for each process.
        concurrency=max(2 * max_processes, math.ceil(2 * in_flight)),
        min_gap_ms=min(_LONGEST_GAP_MS, math.floor(_GAP_SHARE * 1000 / requests)),
        max_processes=max_processes,
    )


def _requests(peak: float, workers: int, items: int, usable: float) -> tuple[float, float]:
    """Return events per request and requests per second at the peak.

    Beyond the limit batches wait for a start, and fill up meanwhile.
    """
    per_request = min(float(items), 1 + peak / workers * _BATCH.wait_seconds)
    requests = min(peak / per_request, usable)
    return min(float(items), peak / requests), requests


def _drain_seconds(demand: Demand, limit_rate: float, workers_rate: float) -> float | None:
    peak = demand.peak_events_per_second
    left = min(limit_rate, workers_rate) - peak
    if left <= 0:
        return None
    if demand.outage_seconds == 0:
        return 0.0
    return RETRY_SECONDS + peak * demand.outage_seconds / left
