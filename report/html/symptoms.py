"""A function for each symptom returns the figure that shows it, in words, or ``None``."""

from __future__ import annotations

from config.customerio.limits import published_limits

# The limits are the verdict's: there is one judgement.
from metrics.verdict import CPU_LIMIT_PERCENT as CPU_LIMIT_PERCENT
from metrics.verdict import START_LAG_LIMIT_MS as START_LAG_LIMIT_MS
from metrics.verdict import busy_seconds, late_starts
from report.html.facts import Facts
from report.html.numbers import duration_text, number_text, percent_text

MIN_VALUES_BEYOND = 10
"""Values that must lie above a percentile for it to mean something."""

BACKLOG_MESSAGES = 100
"""Messages by which a queue may grow in a run: messages in flight wait in it."""

BACKLOG_SHARE = 0.05
"""Share of the requests sent by which it may grow, if that is more."""


def killed(facts: Facts) -> str | None:
    """Report a run that left no summary."""
    if facts.is_complete:
        return None
    return f"no summary.json; metrics.csv ends at second {number_text(facts.seconds)}"


def nothing_sent(facts: Facts) -> str | None:
    """Report a run without any request."""
    return None if facts.requests else f"0 requests; {number_text(facts.arrivals.due)} arrivals were due"


def rate_limited(facts: Facts) -> str | None:
    """Report 429 answers."""
    return _errors(facts, "429 rate limited")


def timeouts(facts: Facts) -> str | None:
    """Report requests without an answer in time."""
    figure = _errors(facts, "timeout")
    limits = sorted({duration_text(seconds) for seconds in facts.timeouts.values()})
    return figure and f"{figure} within {' or '.join(limits)}"


def unauthorized(facts: Facts) -> str | None:
    """Report 401 answers."""
    return _errors(facts, "401 unauthorized")


def redirected(facts: Facts) -> str | None:
    """Report 3xx answers."""
    return _errors(facts, "3xx redirect")


def not_connected(facts: Facts) -> str | None:
    """Report failures of the connection itself."""
    return _errors(facts, "connection error")


def server_errors(facts: Facts) -> str | None:
    """Report 5xx answers."""
    return _errors(facts, "5xx server error")


def refused(facts: Facts) -> str | None:
    """Report other 4xx answers, 2xx that accept nothing or not all, and errors of the client."""
    return _errors(facts, "4xx client error", "2xx with errors", "unexpected 2xx", "bad body", "exception")


def not_queued(facts: Facts) -> str | None:
    """Report messages that the queue refused."""
    return _errors(facts, "not queued")


def undelivered(facts: Facts) -> str | None:
    """Report messages that were still in the queue when the run closed."""
    return _messages(facts, "still_queued")


def messages_lost(facts: Facts) -> str | None:
    """Report messages that are neither delivered nor dead-lettered nor in the queue."""
    return _messages(facts, "lost")


def dead_lettered(facts: Facts) -> str | None:
    """Report messages that were dead-lettered."""
    return _messages(facts, "dead_letters")


def no_idle_vu(facts: Facts) -> str | None:
    """Report arrivals dropped for want of an idle VU."""
    dropped = facts.arrivals.dropped_without_vu
    if not dropped:
        return None
    short = [
        f"{name} has max_vus {facts.max_vus[name]}"
        for name, account in facts.ledger.items()
        if account.get("dropped", 0) > account.get("dropped_late", 0) and name in facts.max_vus
    ]
    return f"{_share(dropped, facts.arrivals.due, 'arrivals dropped')}; {', '.join(short)}"


def stood_still(facts: Facts) -> str | None:
    """Report arrivals dropped because the generator woke too late."""
    late = facts.arrivals.dropped_late
    return _share(late, facts.arrivals.due, "arrivals dropped") if late else None


def arrivals_lost(facts: Facts) -> str | None:
    """Report arrivals whose worker died."""
    lost = facts.arrivals.lost
    if not lost:
        return None
    losers = [f"{worker.name} {number_text(worker.lost)}" for worker in facts.workers if worker.lost]
    figure = _share(lost, facts.arrivals.due, "arrivals lost")
    return f"{figure} ({', '.join(losers)})" if losers else figure


def started_late(facts: Facts) -> str | None:
    """Report more late starts than the verdict allows."""
    lag = facts.start_lag_p99_ms
    if lag is None or not late_starts(lag, facts.starts_late, facts.starts):
        return None
    if facts.starts_late is None or facts.starts is None:
        return f"p99 start lag {number_text(lag)} ms, above {number_text(START_LAG_LIMIT_MS)} ms"
    figure = _share(facts.starts_late, facts.starts, f"starts more than {START_LAG_LIMIT_MS:g} ms late")
    return f"{figure}; p99 start lag {number_text(lag)} ms"


def busy_core(facts: Facts) -> str | None:
    """Report more busy seconds than the verdict allows."""
    cpu = facts.cpu_p95_percent
    if cpu is None or not busy_seconds(cpu, facts.cpu_seconds_busy, facts.cpu_seconds):
        return None
    if facts.cpu_seconds_busy is None or facts.cpu_seconds is None:
        return (
            f"CPU {number_text(cpu)}% of a core (p95 of the seconds), above {number_text(CPU_LIMIT_PERCENT)}%"
        )
    above = f"seconds above {number_text(CPU_LIMIT_PERCENT)}% of a core"
    return _share(facts.cpu_seconds_busy, facts.cpu_seconds, above)


def queue_grew(facts: Facts) -> str | None:
    """Report a queue that is longer at the end than at the start."""
    backlog = facts.backlog
    if backlog is None:
        return None
    more = backlog.end - backlog.start
    if more <= max(BACKLOG_MESSAGES, BACKLOG_SHARE * facts.requests):
        return None
    return (
        f"from {number_text(backlog.start)} to {number_text(backlog.end)} messages, "
        f"{number_text(backlog.peak)} at its peak; {number_text(more)} more"
        + (f", {percent_text(more / facts.requests)} of what was sent" if facts.requests else "")
    )


def reports_missing(facts: Facts) -> str | None:
    """Report workers' reports that did not arrive."""
    gaps = [
        f"{worker.name}: {number_text(worker.reports_missing)} reports missing"
        for worker in facts.workers
        if worker.reports_missing
    ]
    return ", ".join(gaps) or None


def above_limit(facts: Facts) -> str | None:
    """Report a planned peak above the published limit."""
    return _above(facts, "track_requests_per_second")


def above_older_limit(facts: Facts) -> str | None:
    """Report a planned peak above the older limit that is not above the present limit."""
    if above_limit(facts):
        return None
    return _above(facts, "track_requests_per_second_older")


def too_few_samples(facts: Facts) -> str | None:
    """Report percentiles in thresholds with fewer than ten values above them."""
    short = []
    for threshold in facts.thresholds:
        if threshold.percentile is None or not threshold.count or threshold.percentile >= 100:
            continue
        needed = round(MIN_VALUES_BEYOND * 100 / (100 - threshold.percentile))
        if threshold.count < needed:
            short.append(
                f"p({threshold.percentile:g}) of {threshold.metric} is of {number_text(threshold.count)} "
                f"values; {number_text(needed)} give it {MIN_VALUES_BEYOND} above"
            )
    return "; ".join(short) or None


def interrupted(facts: Facts) -> str | None:
    """Report iterations that the graceful stop at the end of the schedule cut off."""
    return _interrupted(facts) if not _is_stopped(facts) else None


def interrupted_by_stop(facts: Facts) -> str | None:
    """Report iterations that were cut off because somebody or a threshold stopped the run."""
    return _interrupted(facts) if _is_stopped(facts) else None


def _is_stopped(facts: Facts) -> bool:
    return facts.ended_by is not None and facts.ended_by != "finished"


def _interrupted(facts: Facts) -> str | None:
    cut = facts.arrivals.interrupted
    return _share(cut, facts.arrivals.started, "iterations interrupted") if cut else None


def ended_early(facts: Facts) -> str | None:
    """Report arrivals that were not due when the run ended."""
    left = facts.arrivals.not_yet_due
    if not left:
        return None
    figure = _share(left, facts.arrivals.scheduled, "arrivals not yet due")
    return f"{figure} ({facts.ended_by})" if facts.ended_by else figure


def _errors(facts: Facts, *kinds: str) -> str | None:
    seen = {kind: facts.errors_by_kind.get(kind, 0) for kind in kinds}
    parts = [_share(count, facts.requests, f"requests: {kind}") for kind, count in seen.items() if count]
    return "; ".join(parts) or None


def _messages(facts: Facts, column: str) -> str | None:
    found = facts.deliveries or {}
    if not found.get(column):
        return None
    return _share(found[column], found["started"], f"messages: {column.replace('_', ' ')}")


def _above(facts: Facts, name: str) -> str | None:
    limit = published_limits()[name]
    # The queue's workers send messages in batches, and wait for the limit.
    if facts.sends_messages_only or facts.planned_peak <= limit.value:
        return None
    return (
        f"planned peak {number_text(facts.planned_peak)}/s, reached {number_text(facts.reached_peak)}/s; "
        f"limit {number_text(limit.value)} {limit.unit} ({limit.source}, read {limit.read})"
    )


def _share(part: int, whole: int, what: str) -> str:
    percent = f" ({percent_text(part / whole)})" if whole else ""
    return f"{number_text(part)} of {number_text(whole)} {what}{percent}"
