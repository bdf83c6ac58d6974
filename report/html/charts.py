"""The charts of a report: which there are, and from which figures."""

from __future__ import annotations

from collections import Counter

from report.html import series
from report.html.drawing import NARROW, WIDE, Chart, ChartLine, Span, Words, draw_bars, over_time
from report.html.facts import Facts, RunFiles, latency_metrics
from report.html.latency_charts import latency_over_time, percentile_curve, start_lag_over_time
from report.html.numbers import number_text

_CAUSES = ("cause-1", "cause-2", "cause-3", "cause-4", "cause-5", "cause-6")


def charts_of(run: RunFiles, facts: Facts) -> list[Chart]:
    """Return all charts that a run has figures for, in the page's order."""
    last = max((row.second for row in run.rows), default=-1) + 1
    planned = max((scenario.ends_at for scenario in run.settings.scenarios), default=0.0)
    # What a schedule wants after the run ended early is left to the table.
    seconds = max(1, last, round(min(planned, facts.seconds)))
    span = Span(seconds, series.step_for(seconds))
    if not facts.requests and not facts.arrivals.due:
        return []
    charts = [_arrivals(run, facts, span)]
    charts += [
        chart
        for name in latency_metrics(facts.trends)
        if (chart := latency_over_time(run, facts, name, span))
    ]
    optional = (
        percentile_curve(facts),
        _errors(facts),
        _errors_over_time(run, span),
        _backlog(run, facts, span),
        _oldest_age(run, span),
        start_lag_over_time(run, span),
    )
    charts += [chart for chart in (*optional, _vus(run, span), _workers(facts)) if chart]
    return charts


def _arrivals(run: RunFiles, facts: Facts, span: Span) -> Chart:
    started = series.counts(run.rows, "start_lag")
    dropped = series.sums(run.rows, "dropped_iterations")

    # What the schedule would have had after the run's end is not due.
    most = {name: account.get("due", account.get("scheduled", 0)) for name, account in facts.ledger.items()}

    def due(second: int) -> float:
        return sum(
            min(scenario.due_by(second + 1), limit) - min(scenario.due_by(second), limit)
            for scenario in run.settings.scenarios
            if (limit := most.get(scenario.name, 0))
        )

    lines = [
        # A pale band below the line, so that both show where they agree.
        ChartLine("schedule", series.averaged(due, span.seconds, span.step), "band"),
        ChartLine("started", _per_second(started, span), "main"),
    ]
    if dropped.total():
        lines.append(ChartLine("dropped", _per_second(dropped, span), "bad"))
    caption = (
        "Arrivals of all scenarios: how many the schedule has in each second, and how many iterations "
        "started or were dropped in it. An arrival at a second's very end may start in the next."
        + (" The schedule is shown until the run's end." if facts.arrivals.not_yet_due else "")
        + span.note
    )
    return over_time("arrivals", "Arrivals against the schedule", "per second", caption, lines, span)


def _errors(facts: Facts) -> Chart | None:
    if not facts.errors_by_kind:
        return None
    bars = [(kind, float(count)) for kind, count in facts.errors_by_kind.items()]
    told = "; ".join(f"{kind} {number_text(count)}" for kind, count in bars)
    words = Words("errors", "Errors by cause", f"Failed requests by cause: {told}.")
    drawings = [draw_bars(bars, "bad", size, words) for size in (WIDE, NARROW)]
    caption = f"{number_text(facts.failed)} of {number_text(facts.requests)} requests failed."
    return Chart("errors", words.title, "requests", caption, (), drawings)


def _errors_over_time(run: RunFiles, span: Span) -> Chart | None:
    found = sorted(series.failures(run.rows).items(), key=lambda item: -item[1].total())
    if not found:
        return None
    lines = [
        ChartLine(kind, _per_second(by, span), tone) for (kind, by), tone in zip(found, _CAUSES, strict=False)
    ]
    caption = "Failed requests in the second in which the failure was seen." + span.note
    if len(found) > len(_CAUSES):
        caption += f" The {len(_CAUSES)} most frequent causes of {len(found)}."
    return over_time("errors-over-time", "Errors over time", "per second", caption, lines, span)


def _backlog(run: RunFiles, facts: Facts, span: Span) -> Chart | None:
    if facts.backlog is None:
        return None
    found = series.gauge(run.rows, "queue_backlog")
    lines = [ChartLine("backlog", series.highest(list(found), list(found.values()), span.step), "main")]
    pace = "counted once a second" if facts.deliveries else "read every few seconds"
    caption = f"Messages that the queue's workers had not delivered yet, {pace}." + span.note
    if facts.backlog.failed:
        caption += (
            f" {number_text(facts.backlog.failed)} times a page could not be read; what it said last stands "
            "for it, or nothing where no page was read."
        )
    return over_time("backlog", "Queue backlog", "messages", caption, lines, span)


def _oldest_age(run: RunFiles, span: Span) -> Chart | None:
    found = series.gauge(run.rows, "queue_oldest_age")
    if not found:
        return None
    ages = [milliseconds / 1000 for milliseconds in found.values()]
    lines = [ChartLine("age", series.highest(list(found), ages, span.step), "main")]
    caption = "How long ago the oldest message without a result was due, once a second." + span.note
    return over_time("oldest-age", "Age of the oldest message", "s", caption, lines, span)


def _vus(run: RunFiles, span: Span) -> Chart | None:
    busy, wanted = series.gauge(run.rows, "vus"), series.gauge(run.rows, "vus_max")
    if not busy:
        return None
    lines = [
        ChartLine(label, series.highest(list(by), list(by.values()), span.step), tone, is_dashed)
        for label, by, tone, is_dashed in (("vus_max", wanted, "plan", True), ("vus", busy, "main", False))
    ]
    caption = "VUs with an iteration in flight, sampled once a second, and VUs wanted." + span.note
    return over_time("vus", "VUs", "", caption, lines, span)


def _workers(facts: Facts) -> Chart | None:
    if not facts.workers:
        return None
    bars = [(worker.name, float(worker.started)) for worker in facts.workers]
    told = "; ".join(f"{name} {number_text(count)}" for name, count in bars)
    words = Words("workers", "Iterations started by each worker", f"Started: {told}.")
    drawings = [draw_bars(bars, "main", size, words) for size in (WIDE, NARROW)]
    return Chart("workers", words.title, "", "The table of workers has lag, CPU and losses.", (), drawings)


def _per_second(found: Counter[int], span: Span) -> list[series.Point]:
    return series.averaged(lambda second: found[second], span.seconds, span.step)
