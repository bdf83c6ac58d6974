"""A plan as text for people, and as JSON for programs."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from config.durations import format_duration
from pipeline.plan.arithmetic import Plan, QueueTierPlan
from pipeline.plan.numbers import count_text, rate_text, size_text
from pipeline.plan.reasons import problems_of, reasons_of, remedies_of

_WIDTH = 110


def to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON. Without a queue, ``workers``, ``partitions`` and ``drain_seconds`` are 0.

    ``drain_seconds`` is ``None`` if the backlog of an outage would never be gone.
    """
    demand, part = plan.demand, plan.queue_tier
    return {
        "tier": plan.tier.name,
        "published": plan.published_tier.published,
        "is_feasible": plan.is_feasible,
        "events_per_day": demand.events_per_day,
        "mean_events_per_second": demand.mean_events_per_second,
        "peak_events_per_second": demand.peak_events_per_second,
        "requests_per_second": plan.requests_per_second,
        "requests_per_second_without_batches": demand.peak_events_per_second,
        "usable_requests_per_second": plan.usable_requests_per_second,
        "events_per_request": plan.events_per_request,
        "most_events_per_second": plan.most_events_per_second,
        "workers": part.workers if part else 0,
        "partitions": part.partitions if part else 0,
        "drain_seconds": plan.drain_seconds,
        "queue_tier": _queue_tier(part) if part else None,
        "problems": problems_of(plan),
        "remedies": remedies_of(plan),
        "reasons": reasons_of(plan),
    }


def to_text(plan: Plan) -> str:
    """Return a plan as a table of its figures and a line of reasons for each."""
    part, demand = plan.queue_tier, plan.demand
    rows = [
        ("tier", plan.tier.name),
        ("events", f"{count_text(demand.events_per_day)} a day"),
        ("peak", f"{rate_text(demand.peak_events_per_second)} events/s"),
        ("requests at the peak", f"{rate_text(plan.requests_per_second)} requests/s"),
    ]
    if part is not None:
        drain = "never" if plan.drain_seconds is None else format_duration(math.ceil(plan.drain_seconds))
        rows += [
            ("workers", f"{part.workers}, at most {part.most_replicas}"),
            ("partitions", f"{part.partitions}"),
            ("queue", f"{count_text(part.queue.messages)} messages, {size_text(part.queue.bytes)}"),
            ("drain after an outage", drain),
        ]
    lines = [f"  {name:<22}{value}" for name, value in rows]
    if not plan.is_feasible:
        lines += ["", "This plan cannot work:", *(f"  ✗ {problem}" for problem in problems_of(plan))]
        lines += ["What would:", *(_wrapped(remedy) for remedy in remedies_of(plan))]
    return "\n".join([*lines, "", "Why:", *(_wrapped(reason) for reason in reasons_of(plan))])


def _wrapped(sentence: str) -> str:
    return textwrap.fill(
        f"  - {sentence}", _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _queue_tier(part: QueueTierPlan) -> dict[str, Any]:
    return {
        "most_replicas": part.most_replicas,
        "useful_workers": part.useful_workers,
        "bound": part.bound,
        "worker": {
            "events_per_second_at_target": part.worker.at_target,
            "most_events_per_second": part.worker.most,
            "bound": part.worker.bound,
        },
        "limiter": {
            "requests": part.limiter.requests,
            "concurrency": part.limiter.concurrency,
            "min_gap_ms": part.limiter.min_gap_ms,
            "max_processes": part.limiter.max_processes,
            "requests_without_redis": part.limiter.requests_without_redis,
        },
        "queue": {
            "messages": part.queue.messages,
            "bytes": part.queue.bytes,
            "retention_seconds": part.queue.retention_seconds,
        },
        "calibration": {
            "events_per_cpu_second": part.rate.events_per_cpu_second,
            "payload_bytes": part.rate.payload_bytes,
            "measured": part.rate.measured,
            "machine": part.rate.machine,
        },
    }
