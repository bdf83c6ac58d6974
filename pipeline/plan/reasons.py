"""The words of a plan: why each figure is what it is, and what would help a plan that cannot work."""

from __future__ import annotations

import math

from config.customerio.limits import published_limits
from config.durations import format_duration
from pipeline.limiter.window import GUARD_SHARE
from pipeline.plan.arithmetic import (
    HEADROOM_SHARE,
    RETRY_SECONDS,
    Plan,
    QueueTierPlan,
    items_per_batch,
)
from pipeline.plan.numbers import count_text, rate_text, size_text

_DAYS_PER_MONTH = 30


def reasons_of(plan: Plan) -> list[str]:
    """Return a sentence for each figure of a plan; each begins with the figure's name."""
    demand = plan.demand
    lines = [_tier(plan), _peak(plan), _limit(plan), _requests(plan)]
    if plan.queue_tier is not None:
        lines += _queue_tier(plan, plan.queue_tier)
    elif demand.outage_seconds:
        events = count_text(demand.peak_events_per_second * demand.outage_seconds)
        lines.append(
            f"outage: nothing is queued. {format_duration(demand.outage_seconds)} without Customer.io at the "
            f"peak are {events} events that your service keeps and sends again, or loses."
        )
    return [*lines, _cost(plan)]


def problems_of(plan: Plan) -> list[str]:
    """Return why a plan cannot work; nothing if it can."""
    problems = []
    limit = f"a limit of {plan.demand.limit_requests_per_second} requests/s"
    if not plan.carries_peak:
        peak, most = plan.demand.peak_events_per_second, plan.most_events_per_second
        problems.append(
            f"the peak of {rate_text(peak)} events/s is above the {rate_text(most)} that {limit} carries "
            f"even in batches of {plan.items_per_batch}"
        )
    part = plan.queue_tier
    if part is not None and not plan.has_room_for_workers:
        problems.append(
            f"{part.workers} workers are needed, and at most {part.most_replicas} may share {limit}"
        )
    return problems


def remedies_of(plan: Plan) -> list[str]:
    """Return what would make a plan work; nothing if it works."""
    if plan.is_feasible:
        return []
    if plan.carries_peak:
        return [
            "requests that take less time, or a higher CONCURRENCY: fewer workers are needed then",
            "a higher limit, which more workers may share",
        ]
    demand, most = plan.demand, plan.most_events_per_second
    peak, mean = demand.peak_events_per_second, demand.mean_events_per_second
    # One percent more, so that something is left for a backlog.
    needed = _rounded_up(1.01 * peak / most * demand.limit_requests_per_second)
    remedies = [f"a higher limit: at least {needed} requests/s"]
    if mean < most:
        remedies.append(
            f"a flatter peak: at most {math.floor(most / mean * 10) / 10:g} times the mean. Producers spread "
            "their messages, or the queue holds what exceeds the limit and messages arrive later"
        )
    remedies.append(f"several workspaces, each with a limit of its own: {math.floor(peak / most) + 1}")
    if plan.items_per_batch < items_per_batch(1):
        remedies.append(f"smaller payloads: below 5kB a request carries {items_per_batch(1)} events")
    return remedies


def _tier(plan: Plan) -> str:
    line = f"tier: {plan.tier.name}. The published table says: {plan.published_tier.published}."
    if plan.tier is not plan.published_tier:
        line += (
            f" By its volume alone this is {plan.published_tier.name}, but the peak in single requests "
            f"exceeds the {rate_text(plan.usable_requests_per_second)} requests/s that are usable."
        )
    return line


def _peak(plan: Plan) -> str:
    peak, mean = plan.demand.peak_events_per_second, plan.demand.mean_events_per_second
    return f"peak: {rate_text(peak)} events/s, {peak / mean:.3g} times the day's mean of {rate_text(mean)}."


def _limit(plan: Plan) -> str:
    limit = plan.demand.limit_requests_per_second
    names = [name for name in published_limits() if name.startswith("track_requests_per_second")]
    sources = [published_limits()[name] for name in names if published_limits()[name].value == limit]
    source = f" ({sources[0].source}; read {sources[0].read})" if sources else ""
    return (
        f"limit: of {limit} requests/s{source} the limiter uses {HEADROOM_SHARE:.0%}, as other programs use "
        f"the workspace, too. Its guard of {GUARD_SHARE:.1%} leaves "
        f"{rate_text(plan.usable_requests_per_second)}."
    )


def _requests(plan: Plan) -> str:
    peak, usable = plan.demand.peak_events_per_second, plan.usable_requests_per_second
    single = f"one event per request would be {rate_text(peak)} requests/s, {peak / usable:.0%} of the usable"
    if plan.queue_tier is None:
        return f"requests: {single}; no batches are needed."
    requests = plan.requests_per_second
    return (
        f"requests: {rate_text(requests)} requests/s with {rate_text(plan.events_per_request)} events in "
        f"each, {requests / usable:.0%} of the usable; {single}. Full batches of {plan.items_per_batch} "
        f"carry at most {rate_text(plan.most_events_per_second)} events/s."
    )


def _queue_tier(plan: Plan, part: QueueTierPlan) -> list[str]:
    lines = [_workers(plan, part), _more_workers(part), _partitions(part), _limiter(plan, part)]
    if plan.demand.outage_seconds:
        lines.append(_queue(plan, part))
    if plan.drain_seconds is None:
        lines.append("drain: never while the peak lasts, as nothing is left for the backlog.")
    elif plan.drain_seconds:
        peak = plan.demand.peak_events_per_second
        left = min(plan.most_events_per_second, part.workers * part.worker.most) - peak
        lines.append(
            f"drain: {format_duration(math.ceil(plan.drain_seconds))} after the outage while the peak goes "
            f"on. {rate_text(left)} events/s are left for the backlog, at most {RETRY_SECONDS:g} s pass "
            "until the next attempt."
        )
    return lines


def _workers(plan: Plan, part: QueueTierPlan) -> str:
    needed = math.ceil(plan.demand.peak_events_per_second / part.worker.at_target)
    line = (
        f"workers: the peak needs {needed}, with {rate_text(part.worker.at_target)} events/s each at the "
        "autoscaler's target."
    )
    if part.workers > needed:
        line += f" {part.workers} run, so that one may fail while another is replaced."
    return (
        f"{line} Measured: {rate_text(part.rate.events_per_cpu_second)} events per second of CPU "
        f"({part.rate.machine}; {part.rate.measured}). Assumed: a request takes "
        f"{format_duration(plan.demand.request_seconds)}."
    )


def _more_workers(part: QueueTierPlan) -> str:
    most = rate_text(part.worker.most)
    if part.bound == "limit":
        return (
            f"more workers: they do not help, as {part.useful_workers} at {most} events/s each reach the "
            "limit. More workers never mean more requests than the limit."
        )
    why = "a core is used up" if part.bound == "cpu" else "its requests wait for answers"
    return (
        f"more workers: they help, up to the {part.useful_workers} that reach the limit; at {most} events/s "
        f"of one worker {why}."
    )


def _partitions(part: QueueTierPlan) -> str:
    return (
        f"partitions: {part.partitions}, never fewer than the {part.most_replicas} replicas that the "
        "autoscaler may start: a worker without a partition is idle. A multiple of 12 divides evenly."
    )


def _limiter(plan: Plan, part: QueueTierPlan) -> str:
    limiter = part.limiter
    return (
        f"limiter: {limiter.max_processes} processes may share the limit, {part.most_replicas} replicas and "
        f"{plan.deployment.overlap} that end while others begin. Without Redis each starts "
        f"{limiter.requests_without_redis} requests/s, so that all together stay below {limiter.requests}."
    )


def _queue(plan: Plan, part: QueueTierPlan) -> str:
    queue = part.queue
    return (
        f"queue: {format_duration(plan.demand.outage_seconds)} without Customer.io at the peak are "
        f"{count_text(queue.messages)} messages, {size_text(queue.bytes)} before replication. Keep them "
        f"{format_duration(queue.retention_seconds)}: that covers a weekend, and Customer.io triggers no "
        "campaign by an event older than 72 h."
    )


def _cost(plan: Plan) -> str:
    month = plan.demand.events_per_day * _DAYS_PER_MONTH
    line = f"cost: {count_text(month)} events in {_DAYS_PER_MONTH} days"
    if plan.demand.people is None:
        return f"{line}. Each distinct userId is a person to be paid for: --people says how many."
    return (
        f"{line} for {count_text(plan.demand.people)} people, {count_text(month / plan.demand.people)} each."
    )


def _rounded_up(rate: float) -> int:
    """Return a limit somebody could ask for: two digits that count."""
    power = int(10 ** max(0, math.floor(math.log10(rate)) - 1))
    return math.ceil(rate / power) * power
