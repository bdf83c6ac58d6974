"""Findings: rules that turn a run's figures into what to do about them.

A rule is data and one small function, which returns the figure that triggered it, or ``None``.
Advice stands in the rule, so that a reader can check all of it in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from report.html import symptoms
from report.html.facts import Facts


class Weight(StrEnum):
    """What a finding means for the run."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """``figure`` returns what triggers the rule in words with the figure in it, or ``None``."""

    name: str
    weight: Weight
    symptom: str
    remedy: str
    figure: Callable[[Facts], str | None]


@dataclass(frozen=True)
class Finding:
    """A rule that a run triggered, and the figure that did."""

    rule: Rule
    figure: str


RULES: Sequence[Rule] = (
    Rule(
        "killed",
        Weight.PROBLEM,
        "The run was killed before it could write its summary",
        "The figures cover only the part that ran, and no threshold was judged. Run again for a verdict.",
        symptoms.killed,
    ),
    Rule(
        "nothing sent",
        Weight.PROBLEM,
        "No request was answered or failed",
        "Check that the stages' targets are above zero, and that the run lasted beyond its first arrival.",
        symptoms.nothing_sent,
    ),
    Rule(
        "rate limited",
        Weight.PROBLEM,
        "The server refused requests with 429: the rate is above the workspace's limit",
        "Lower the rate or the concurrency, or send through a rate limiter and in batches.",
        symptoms.rate_limited,
    ),
    Rule(
        "timeouts",
        Weight.PROBLEM,
        "Requests got no answer within the scenario's timeout",
        "Look at the server's latency first; raise the timeout only if the server is known to be slow.",
        symptoms.timeouts,
    ),
    Rule(
        "unauthorized",
        Weight.PROBLEM,
        "The server did not accept the credentials",
        "Check site id and API key, and that they belong to this workspace and region.",
        symptoms.unauthorized,
    ),
    Rule(
        "redirected",
        Weight.PROBLEM,
        "The server sent requests elsewhere",
        "Set the account's region: an EU account on the US host is answered with redirects.",
        symptoms.redirected,
    ),
    Rule(
        "not connected",
        Weight.PROBLEM,
        "Connections were refused, reset or never made",
        "Check the base URL, a proxy in between, and the server's limit of connections.",
        symptoms.not_connected,
    ),
    Rule(
        "server errors",
        Weight.PROBLEM,
        "The server failed on requests",
        "Look into the server's log at the seconds in which the errors stand in the chart below.",
        symptoms.server_errors,
    ),
    Rule(
        "refused requests",
        Weight.PROBLEM,
        "The server rejected requests as invalid, or its answers could not be read",
        "Look at one such answer in the run's log; an answer that is not JSON often comes from a proxy.",
        symptoms.refused,
    ),
    Rule(
        "queue backlog",
        Weight.PROBLEM,
        "The queue grew: the workers deliver less than arrives",
        "Scale the workers. If they wait for the workspace's rate limit, more workers deliver no more: "
        "raise the limit, or send less.",
        symptoms.queue_grew,
    ),
    Rule(
        "not queued",
        Weight.PROBLEM,
        "The queue did not take messages",
        "Look at the broker, and at producer.log in the folder of the run.",
        symptoms.not_queued,
    ),
    Rule(
        "messages lost",
        Weight.PROBLEM,
        "Messages that the queue acknowledged are neither delivered nor dead-lettered nor in it any more",
        "Look at the stand-in's --drop-share, at the retention of the topic, and at the workers' logs.",
        symptoms.messages_lost,
    ),
    Rule(
        "dead letters",
        Weight.PROBLEM,
        "Messages were dead-lettered: Customer.io does not accept them",
        "scripts/run-pipeline.sh dlq lists them with the cause of each.",
        symptoms.dead_lettered,
    ),
    Rule(
        "still queued",
        Weight.PROBLEM,
        "Messages were still in the queue when the run closed",
        "Scale the workers, or raise the limit that they wait for. A greater drain_timeout in the profile "
        "lets a run wait longer.",
        symptoms.undelivered,
    ),
    Rule(
        "late starts",
        Weight.PROBLEM,
        "Requests started late: the generator was at its limit",
        "Use more workers (--processes), or lower the rate for each.",
        symptoms.started_late,
    ),
    Rule(
        "busy core",
        Weight.PROBLEM,
        "The generator's core was busy: latencies include waiting in the generator",
        "Use more workers (--processes), or run them on another machine.",
        symptoms.busy_core,
    ),
    Rule(
        "no idle VU",
        Weight.PROBLEM,
        "Arrivals were dropped because all VUs were waiting for answers: the rate was not reached",
        "If the generator was at its limit, fix that first. Otherwise look at the server's latency; "
        "if it is as expected, raise max_vus.",
        symptoms.no_idle_vu,
    ),
    Rule(
        "stood still",
        Weight.PROBLEM,
        "Arrivals were dropped because the generator itself stood still",
        "Give the generator more of the machine: run nothing else beside it, or use more workers.",
        symptoms.stood_still,
    ),
    Rule(
        "arrivals lost",
        Weight.PROBLEM,
        "Arrivals were lost with a worker that died or was cut off",
        "Look at that worker's log and memory; the table of lost arrivals has the interval.",
        symptoms.arrivals_lost,
    ),
    Rule(
        "reports missing",
        Weight.WARNING,
        "Reports of workers never reached the master: their values are missing from the figures",
        "Check the network between workers and master; each worker has its own metrics.csv.",
        symptoms.reports_missing,
    ),
    Rule(
        "above the limit",
        Weight.WARNING,
        "The planned peak is above the published limit of the Track API",
        "Lower the peak, agree on a higher limit with Customer.io, or send in batches.",
        symptoms.above_limit,
    ),
    Rule(
        "above the older limit",
        Weight.NOTE,
        "The planned peak is above the limit that older write-ups give",
        "Make sure that the workspace is allowed this rate before you plan with it.",
        symptoms.above_older_limit,
    ),
    Rule(
        "too few samples",
        Weight.WARNING,
        "A threshold's percentile rests on few values, so one slow answer can change its result",
        "Run longer or at a higher rate, or use a lower percentile.",
        symptoms.too_few_samples,
    ),
    Rule(
        "interrupted",
        Weight.WARNING,
        "Iterations were cut off by the end of the run; their latencies are missing from the figures",
        "Raise graceful_stop above the scenario's timeout.",
        symptoms.interrupted,
    ),
    Rule(
        "interrupted by a stop",
        Weight.NOTE,
        "Iterations were cut off when the run was stopped; their latencies are missing from the figures",
        "Stop once and wait: a second Ctrl-C or signal cuts off what is in flight.",
        symptoms.interrupted_by_stop,
    ),
    Rule(
        "ended early",
        Weight.WARNING,
        "The run ended before its schedule did",
        "Do not compare its figures with those of a complete run.",
        symptoms.ended_early,
    ),
)


def findings_of(facts: Facts, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Return what the rules find in a run, the gravest first."""
    found = [Finding(rule, figure) for rule in rules if (figure := rule.figure(facts)) is not None]
    return sorted(found, key=lambda finding: list(Weight).index(finding.rule.weight))
