"""A rehearsal as one HTML page with charts, and its figures as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.rehearse.looks import Look
from pipeline.rehearse.rehearsal import Rehearsal
from report.html import drawing
from report.html.drawing import Chart, ChartLine, Span, over_time

PAGE_NAME = "rehearsal.html"
FIGURES_NAME = "rehearsal.json"


def write_files(rehearsal: Rehearsal, folder: Path) -> Path:
    """Write page and figures into a folder, and return the page's path."""
    (folder / FIGURES_NAME).write_text(to_json(rehearsal) + "\n", encoding="utf-8")
    page = folder / PAGE_NAME
    page.write_text(render(rehearsal), encoding="utf-8")
    return page


def to_json(rehearsal: Rehearsal) -> str:
    """Return every look and the account as JSON."""
    account = rehearsal.account
    content = {
        "looks": [asdict(look) for look in rehearsal.looks],
        "account": {**asdict(account), "lost": account.lost},
        "killed_at_second": rehearsal.killed_at_second,
        "is_settled": rehearsal.is_settled,
    }
    return json.dumps(content, indent=2)


def headline_of(rehearsal: Rehearsal) -> str:
    """Return the result in a word or two."""
    if not rehearsal.account.is_clean:
        return "Failed"
    return "Passed" if rehearsal.is_settled else "Not settled"


def summary_of(rehearsal: Rehearsal) -> str:
    """Return in one line how many replicas there were, and the longest backlog."""
    looks = rehearsal.looks
    first, last = looks[0].replicas, looks[-1].next_replicas
    most = max(look.next_replicas for look in looks)
    backlog = max((look.backlog for look in looks if look.backlog is not None), default=0)
    killed = ""
    if rehearsal.killed_at_second is not None:
        killed = f"; a worker was killed after {rehearsal.killed_at_second:.1f} s"
    return f"Replicas {first} → {most} → {last}, at most {backlog} messages behind{killed}"


def render(rehearsal: Rehearsal) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
    )
    # The report of a load test has the same look.
    style = Path(drawing.__file__).with_name("style.css").read_text(encoding="utf-8")
    word = headline_of(rehearsal)
    return environment.get_template("page.html.j2").render(
        style=style,
        word=word,
        kind={"Passed": "good", "Failed": "bad"}.get(word, "doubt"),
        line=rehearsal.account.line,
        summary=summary_of(rehearsal),
        charts=charts_of(rehearsal),
        changes=[look for look in rehearsal.looks if look.next_replicas != look.replicas],
    )


def charts_of(rehearsal: Rehearsal) -> list[Chart]:
    """Return the charts: replicas, rates, backlog, delivery time, CPU."""
    looks = rehearsal.looks
    span = Span(math.ceil(looks[-1].second), 1)

    def line(
        label: str, tone: str, value: Callable[[Look], float | None], *, dashed: bool = False
    ) -> ChartLine:
        points = [(look.second, figure) for look in looks if (figure := value(look)) is not None]
        return ChartLine(label, points, tone, is_dashed=dashed)

    replicas = [
        line("decided", "main", lambda look: look.next_replicas),
        line("ready", "mid", lambda look: look.ready),
        line("CPU asks for", "edge", lambda look: look.by_cpu, dashed=True),
    ]
    rates = [
        line("sent", "plan", lambda look: look.sent_per_second, dashed=True),
        line("delivered", "main", lambda look: look.delivered_per_second),
    ]
    return [
        over_time(
            "replicas",
            "Replicas",
            "",
            "A worker is ready some seconds after it was decided on.",
            replicas,
            span,
        ),
        over_time(
            "rates",
            "Messages sent and delivered",
            "per second",
            "The mean since the previous look.",
            rates,
            span,
        ),
        over_time(
            "backlog",
            "Backlog",
            "messages",
            "Messages that are not committed.",
            [line("backlog", "high", lambda look: look.backlog)],
            span,
        ),
        over_time(
            "delivery",
            "Delivery time",
            "ms",
            "From a message's time to its delivery: the mean of those delivered since the previous look.",
            [line("mean", "main", lambda look: look.delivery_ms)],
            span,
        ),
        over_time(
            "cpu",
            "CPU of a worker",
            "% of its request",
            "The mean of the workers that answered.",
            [line("CPU", "main", lambda look: None if look.cpu_share is None else 100 * look.cpu_share)],
            span,
        ),
    ]
