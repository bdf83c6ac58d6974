"""Writes the load profile that tests a plan: the mean, the peak for five minutes, and the mean again."""

from __future__ import annotations

import math

from config.durations import format_duration
from pipeline.plan.arithmetic import Plan
from pipeline.plan.numbers import count_text, rate_text
from pipeline.sender import BatchLimits

FILE_NAME = "load-profile.toml"

_IDENTIFY_SHARE = 0.2  # every fifth message sets attributes, as in `pipeline.produce`
_STAGES_SECONDS = {"mean": 60, "up": 60, "peak": 300, "down": 60, "rest": 60}
_PRODUCE_SECONDS = 0.1  # a broker acknowledges faster; the pool grows up to four times this
_LEAST_VUS = 10  # a few slow answers in a row must not drop arrivals
_LATENCY_FACTOR = 4.0  # of the mean, for a 95th percentile


def load_profile_text(plan: Plan) -> str:
    """Return the TOML text of a profile with exactly this plan's mean and peak.

    A single service is tested with identify and track side by side, a plan with a queue with the kind of user
    ``queued``, which writes to the topic.
    """
    lines = [
        f"# Tests a plan for {count_text(plan.demand.events_per_day)} events a day: {plan.tier.name}, "
        f"{rate_text(plan.demand.peak_events_per_second)} events/s at the peak.",
        f"# It sends {count_text(_events(plan))} events; --time-scale 0.1 keeps the rates and takes a tenth "
        "of the time.",
        "",
    ]
    if plan.queue_tier is None:
        lines += _scenario(plan, "identify_load", "identify", _IDENTIFY_SHARE, plan.demand.request_seconds)
        lines += _scenario(plan, "track_load", "track", 1 - _IDENTIFY_SHARE, plan.demand.request_seconds)
        bound = math.ceil(1000 * _LATENCY_FACTOR * plan.demand.request_seconds)
        thresholds = {"identify_duration": bound, "track_duration": bound}
    else:
        lines += _scenario(plan, "queued_load", "queued", 1.0, _PRODUCE_SECONDS)
        # A message waits for its batch, then for the request.
        seconds = BatchLimits().wait_seconds + _LATENCY_FACTOR * plan.demand.request_seconds
        thresholds = {
            "produce_duration": math.ceil(1000 * _LATENCY_FACTOR * _PRODUCE_SECONDS),
            "delivery_duration": math.ceil(1000 * seconds),
        }
    lines += ["[thresholds]", 'errors = ["rate<0.01"]']
    lines += [f'{metric} = ["p(95)<{milliseconds}"]' for metric, milliseconds in thresholds.items()]
    return "\n".join(lines) + "\n"


def _scenario(plan: Plan, name: str, user: str, share: float, busy_seconds: float) -> list[str]:
    mean = plan.demand.mean_events_per_second * share
    peak = plan.demand.peak_events_per_second * share
    vus = max(_LEAST_VUS, math.ceil(peak * busy_seconds))
    rates = {"mean": mean, "up": peak, "peak": peak, "down": mean, "rest": mean}
    stages = [
        f'    {{ target = {rates[stage]:.6g}, duration = "{format_duration(seconds)}" }},'
        for stage, seconds in _STAGES_SECONDS.items()
    ]
    return [
        f"[scenarios.{name}]",
        'executor = "ramping-arrival-rate"',
        f'user = "{user}"',
        f"start_rate = {mean:.6g}",
        f"pre_allocated_vus = {vus}",
        f"max_vus = {4 * vus}",
        "stages = [",
        *stages,
        "]",
        "",
    ]


def _events(plan: Plan) -> float:
    mean, peak = plan.demand.mean_events_per_second, plan.demand.peak_events_per_second
    seconds = _STAGES_SECONDS
    ramps = (mean + peak) / 2 * (seconds["up"] + seconds["down"])
    return mean * (seconds["mean"] + seconds["rest"]) + ramps + peak * seconds["peak"]
