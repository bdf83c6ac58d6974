"""The page: what stands on it and in what order; its look is up to ``template.html`` and ``style.css``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from config.errors import ConfigError
from metrics.thresholds import ThresholdOutcome
from report.html.charts import charts_of
from report.html.facts import Facts, RunFiles, Threshold, facts_of, read_run_files
from report.html.findings import findings_of
from report.html.numbers import (
    decimals_text,
    duration_text,
    milliseconds_text,
    number_text,
    percent_text,
)
from report.run_report import REPORT_NAME
from report.run_summary import TREND_STATS

_FOLDER = Path(__file__).parent

STYLE_SHEET = _FOLDER / "style.css"
"""Of the report, and of whatever else looks like it."""

_ARGUMENTS = ("profile", "time_scale", "people_seed", "allow_live")
"""Arguments that say what was run; paths of the machine are left out."""


@dataclass(frozen=True)
class Headline:
    """The run's result in a word, why, the generator's verdict on itself, and the kind for the CSS."""

    kind: str
    word: str
    line: str
    reason: str = ""


def write_report(path: Path, output: Path | None = None) -> Path:
    """Write the report of the run in the folder ``path`` and return where (``report.html`` in the folder).

    A report that was there is replaced only once the new one is whole.

    Raises:
        ConfigError: no such folder, a file in it missing or damaged, or the report cannot be written.
    """
    run = read_run_files(path)
    page = render(run, facts_of(run))
    target = output or path / REPORT_NAME
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from error
    return target


def render(run: RunFiles, facts: Facts) -> str:
    """Return the whole page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number_text,
        decimals=decimals_text,
        percent=percent_text,
        milliseconds=milliseconds_text,
        duration=duration_text,
        breakable=breakable,
    )
    # Our own style sheet, and SVG in which ElementTree has escaped every text.
    style = Markup(STYLE_SHEET.read_text(encoding="utf-8"))  # noqa: S704
    return environment.get_template("template.html").render(
        style=style,
        run_id=run.settings.run_id,
        about=_about(run, facts),
        facts=facts,
        headline=headline_of(run, facts),
        tiles=_tiles(facts),
        thresholds=[(threshold, measured_text(threshold)) for threshold in facts.thresholds],
        findings=findings_of(facts),
        charts=[(chart, [Markup(svg) for svg in chart.drawings]) for chart in charts_of(run, facts)],  # noqa: S704
        stats=TREND_STATS,
        settings=_settings(run),
    )


def _about(run: RunFiles, facts: Facts) -> Sequence[tuple[str, str]]:
    """Return what was run, against what, when, and for how long."""
    settings = run.settings
    about = []
    if settings.arguments.get("profile"):
        scale = settings.arguments.get("time_scale")
        scaled = (
            f" at time scale {number_text(scale)}" if isinstance(scale, int | float) and scale != 1 else ""
        )
        about.append(("Profile", Path(str(settings.arguments["profile"])).stem + scaled))
    if settings.target:
        about.append(("Target", f"{settings.target}{' (the stand-in)' if settings.is_standin else ''}"))
    if (begun := _begun(settings.run_id)) is not None:
        about.append(("Begun", f"{begun:%d %b %Y, %H:%M:%S} UTC"))
    return [*about, ("Length", duration_text(facts.seconds))]


def _begun(run_id: str) -> datetime | None:
    """Return when a run began, which is the first part of the id that the load test gives it."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def headline_of(run: RunFiles, facts: Facts) -> Headline:
    """Return the result: what a reader needs who reads only one line."""
    if run.summary is None:
        return Headline("bad", "Killed", "The run was killed before its end: there is no verdict.")
    line = run.summary.verdict
    failed = [threshold for threshold in facts.thresholds if threshold.passed is False]
    if failed:
        named = ", ".join(
            f"{threshold.metric} {threshold.source} ({measured_text(threshold)})" for threshold in failed
        )
        reason = f"{len(failed)} of {len(facts.thresholds)} thresholds failed: {named}."
        return Headline("bad", "Failed", line, reason)
    if not facts.arrivals.due:
        return Headline("none", "Nothing sent", line)
    if not run.summary.kept_schedule:
        return Headline("doubt", "Not to be trusted", line)
    if facts.arrivals.not_yet_due:
        return Headline("doubt", "Ended early", line)
    return Headline("good", "Passed" if facts.thresholds else "Finished", line)


def measured_text(threshold: Threshold) -> str:
    """Return what was measured, with its unit."""
    if threshold.has_no_samples:
        return str(ThresholdOutcome.NO_SAMPLES)
    if threshold.measured is None:
        return "–"
    if threshold.source.startswith("rate"):
        return percent_text(threshold.measured)
    if threshold.source.startswith(("count", "value")):
        return number_text(threshold.measured)
    return milliseconds_text(threshold.measured)


def breakable(name: str) -> Markup:
    """Return a name that may break after an underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _tiles(facts: Facts) -> Sequence[tuple[str, str, str]]:
    arrivals = facts.arrivals
    share = percent_text(facts.failed / facts.requests) if facts.requests else "none"
    lag = facts.start_lag_p99_ms
    what = "messages" if facts.sends_messages_only else "requests"
    tiles = [
        (what.capitalize(), number_text(facts.requests), f"in {duration_text(facts.seconds)}"),
        *_latency_tiles(facts),
        ("Failed", share, f"{number_text(facts.failed)} {what}"),
        ("Arrivals started", number_text(arrivals.started), f"of {number_text(arrivals.due)} due"),
        (
            "Dropped",
            number_text(arrivals.dropped),
            (f"{number_text(arrivals.lost)} lost, " if facts.is_complete else "")
            + f"{number_text(arrivals.not_yet_due)} not yet due",
        ),
        (
            "Peak rate",
            f"{number_text(facts.reached_peak)}/s",
            f"in a second; planned {number_text(facts.planned_peak)}/s",
        ),
    ]
    if lag is not None and arrivals.started:
        tiles.append(("Start lag p99", milliseconds_text(lag), "waiting in the generator"))
    return [*tiles, *_queue_tile(facts)]


def _queue_tile(facts: Facts) -> Sequence[tuple[str, str, str]]:
    if facts.backlog is None:
        return []
    drained = facts.drain_seconds
    after = f"{number_text(facts.backlog.end)} at the end"
    if drained is not None:
        after = f"drained {duration_text(drained)} after it"
    if facts.oldest_age_ms is not None:
        after += f"; the oldest {duration_text(facts.oldest_age_ms / 1000)} old"
    return [("Backlog at its peak", number_text(facts.backlog.peak), after)]


def _latency_tiles(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield how long answers took, and how long messages took through the queue."""
    for label, metric in (("Latency p95", "http_req_duration"), ("Delivery p95", "delivery_duration")):
        if metric in facts.trends:
            stats = facts.trends[metric].stats
            more = f"p50 {milliseconds_text(stats['med'])}, p99 {milliseconds_text(stats['p(99)'])}"
            yield label, milliseconds_text(stats["p(95)"]), more


def _settings(run: RunFiles) -> Sequence[tuple[str, str]]:
    settings = run.settings
    arguments = dict(settings.arguments)
    target = f"{settings.target} (the stand-in)" if settings.is_standin else settings.target
    rows = [("Run", settings.run_id), ("Target", target), ("Plan", settings.plan)]
    if arguments.get("profile"):
        arguments["profile"] = Path(str(arguments["profile"])).name
    rows += [(name, arguments[name]) for name in _ARGUMENTS if arguments.get(name) not in (None, "", False)]
    for scenario in settings.scenarios:
        schedule = scenario.schedule
        text = (
            f"{number_text(schedule.total)} arrivals in {duration_text(schedule.duration)}, "
            f"peak {number_text(schedule.peak_rate)}/s, max_vus {scenario.max_vus}, "
            f"timeout {duration_text(scenario.timeout)}"
        )
        rows.append((scenario.name, text))
    return [(name, str(value)) for name, value in rows if value is not None]
