"""What ``--dry-run`` prints: the plan of a run, before anything is sent or written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import zip_longest

from rich.console import Console
from rich.markup import escape

from config.durations import format_duration
from config.profile import shown_path
from config.scenario_options import ScenarioOptions
from run.preparation import Preparation
from run.schedule_chart import chart_lines
from shapes.rate_options import schedule_of

_MOST_COLUMNS = 100
# A pipe or a CI log has no width of its own.
_LOG_WIDTH = 100


def print_plan(console: Console, preparation: Preparation) -> None:
    """Print everything that a run would do."""
    width = min(console.width, _MOST_COLUMNS) if console.is_terminal else _LOG_WIDTH
    is_plain = not console.encoding.lower().startswith("utf")
    for line in plan_lines(preparation, width, is_plain=is_plain):
        console.print(line, highlight=False, soft_wrap=True)


def plan_lines(preparation: Preparation, width: int, *, is_plain: bool = False) -> Iterator[str]:
    """Yield the plan's lines, with rich's markup, for a terminal of ``width`` columns."""
    yield "[bold]Dry run: nothing is sent, nothing is written.[/]"
    yield ""
    for label, text in _facts(preparation):
        yield from _paragraph(f"{label:<9} {text}", width, indent="  ", hanging=10)
    yield ""
    schedules = [
        (options.start_time, schedule_of(options)) for options in preparation.profile.scenarios.values()
    ]
    yield "  [bold]ARRIVALS PER SECOND[/], all scenarios together"
    yield from chart_lines(
        lambda t: sum(schedule.rate_at(t - start) for start, schedule in schedules),
        preparation.plan.seconds,
        width,
        is_plain=is_plain,
    )
    yield ""
    yield "  [bold]SCENARIOS[/]"
    for name, options in preparation.profile.scenarios.items():
        sent = "messages" if preparation.user_classes[name].uses_queue else "requests"
        yield from _paragraph(f"{name}: {_scenario(options, sent)}", width, indent="    ", hanging=2)
        yield from _paragraph(_rates(options), width, indent="      ")
        yield from _paragraph(_vus(options), width, indent="      ")
    yield ""
    yield "  [bold]THRESHOLDS[/]"
    for selector, thresholds in preparation.profile.thresholds.items():
        for threshold in thresholds:
            ends = ", ends the run if it fails" if threshold.abort_on_fail else ""
            yield f"    {escape(selector)}  {escape(threshold.threshold.source)}{ends}"
    if not preparation.profile.thresholds:
        yield "    none: the exit code will not depend on what comes back"


def _paragraph(text: str, width: int, indent: str, hanging: int = 0) -> Iterator[str]:
    """Yield a text in lines that break between words; all but the first are indented by ``hanging`` more."""
    wrapped = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (escape(line) for line in wrapped)


def _facts(preparation: Preparation) -> Iterator[tuple[str, str]]:
    arguments, plan = preparation.arguments, preparation.plan
    scale = f", durations times {arguments.time_scale:g}" if arguments.time_scale != 1 else ""
    yield "Profile", f"{shown_path(arguments.profile)}{scale}"
    target = preparation.target
    for url in target.urls(target.base_url) if target.base_url is not None else ():
        is_receiver = target.webhook is not None and url == target.webhook.base_url
        is_workspace = target.is_live and not is_receiver
        yield "Target", f"{url}{', a live workspace' if is_workspace else ''}"
    if target.base_url is None and target.is_customerio:
        yield "Target", "a stand-in that the run starts on this machine, as there are no credentials"
    if target.lacks_receiver:
        yield (
            "Target",
            "a receiver of webhooks that the run starts on this machine, as there is no WEBHOOK_URL",
        )
    after = format_duration(preparation.graceful_stop_seconds)
    length = format_duration(round(plan.seconds, 1))
    yield "Length", f"{length}, and up to {after} for what is in flight at the end"
    yield plan.what_is_sent.capitalize(), f"{plan.requests}, peak {plan.peak_rate:g}/s"
    people = f"up to {plan.people}" if plan.people else "no new ones"
    yield "People", f"{people}, of seed {arguments.people_seed}"
    for line in plan.against_limits():
        yield "Limit", line
    yield "Results", f"{arguments.results_dir}/<run id>"
    for output in preparation.outputs:
        # The value may be an address with a secret.
        yield "Output", output.partition("=")[0]


def _scenario(options: ScenarioOptions, sent: str) -> str:
    arrivals = f"{schedule_of(options).total} {sent}"
    start = f", from {format_duration(options.start_time)} on" if options.start_time else ""
    return f"user {options.user}, {options.executor}, {arrivals}{start}"


def _rates(options: ScenarioOptions) -> str:
    """Return the stages in words: ``10/s, to 50/s in 1m, 100/s for 5m``."""
    unit = format_duration(options.time_unit)
    per = "/s" if unit == "1s" else f" per {unit}"
    rate, parts = options.start_rate, []
    for stage, following in zip_longest(options.stages, options.stages[1:]):
        length = format_duration(round(stage.duration, 3))
        if not stage.duration:
            # The next stage says that rate if it holds it.
            if following is None or following.target != stage.target:
                parts.append(f"at once {stage.target:g}{per}")
        elif stage.target == rate:
            parts.append(f"{rate:g}{per} for {length}")
        else:
            if not parts:
                parts.append(f"{rate:g}{per}")
            parts.append(f"to {stage.target:g}{per} in {length}")
        rate = stage.target
    return ", ".join(parts)


def _vus(options: ScenarioOptions) -> str:
    """Return the VUs, and how slow responses may be before arrivals are dropped for want of one."""
    peak = schedule_of(options).peak_rate
    more = f", at most {options.max_vus}" if options.max_vus != options.pre_allocated_vus else ""
    vus = f"{options.pre_allocated_vus} VU{'s' if options.pre_allocated_vus != 1 else ''}{more}"
    if not peak:
        return vus
    longest = options.max_vus / peak - options.pause
    if longest <= 0:
        return f"{vus}: too few for {peak:g}/s with a pause of {format_duration(options.pause)}"
    pause = f", each with a pause of {format_duration(options.pause)} after it" if options.pause else ""
    return f"{vus}: enough for {peak:g}/s while responses take up to {format_duration(longest)}{pause}"
