"""The page of all kinds of runs: what it says first, and that it stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from metrics.delivery_figures import DELIVERY_COLUMNS
from report.html.drawing import NARROW, Words, draw_bars
from report.html.page import write_report
from tests.unit.report.run_folder import (
    counter_row,
    profile,
    second_of,
    summary,
    trend_row,
    write_folder,
)

VOID = {"meta", "wbr"}


class Outline(HTMLParser):
    """Elements that are not closed, ids, headings' texts and the attributes of each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[str] = []
        self.feed(page)
        self.headings = [heading.strip() for heading in self.headings]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if {"h1", "h2"} & set(self.open) and "small" not in self.open:
            self.headings[-1] += data


def page_of(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def ledger(**changes: int) -> dict[str, Any]:
    found: dict[str, Any] = summary()["ledger"]["a"] | changes
    return {"a": found}


def headline(page: str) -> str:
    return Outline(page).headings[0]


def test_the_result_comes_first_then_thresholds_then_findings(tmp_path: Path) -> None:
    headings = Outline(page_of(write_folder(tmp_path / "r"))).headings
    assert headings[:5] == [
        "Passed",
        "Thresholds",
        "At a glance",
        "Findings",
        "Arrivals against the schedule",
    ]
    assert headings[5:] == [
        "identify_duration over time",
        "Latency by percentile",
        "Start lag",
        "VUs",
        "Trends",
        "Ledger",
        "What was run",
    ]


def test_a_failed_threshold_is_named_in_the_headline(tmp_path: Path) -> None:
    metrics = summary()["metrics"]
    metrics["identify_duration"]["thresholds"] = {"p(95)<500": False, "p(99)<2": True}
    page = page_of(write_folder(tmp_path / "r", summary_parts={"metrics": metrics}))
    assert headline(page) == "Failed"
    assert "1 of 2 thresholds failed: identify_duration p(99)<2 (8 ms)." in Outline(page).text


def test_a_run_that_missed_its_schedule_is_not_to_be_trusted(tmp_path: Path) -> None:
    rows = [
        *(row for second in range(4) for row in second_of(second, 6)),
        counter_row(2, "dropped_iterations", 16, scenario="a"),
    ]
    parts = {
        "ledger": ledger(started=24, dropped=16, completed=24),
        "verdict": {"kept_schedule": False, "line": "Generator did not keep the schedule: 16 dropped."},
    }
    page = page_of(write_folder(tmp_path / "r", rows, parts))
    assert headline(page) == "Not to be trusted"
    assert "16 of 40 arrivals dropped (40%); a has max_vus 4" in Outline(page).text
    assert "tone-bad" in page


def test_a_killed_run_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    rows = [row for second in range(2) for row in second_of(second, 10)]
    page = page_of(write_folder(tmp_path / "r", rows, is_killed=True))
    outline = Outline(page)
    assert headline(page) == "Killed"
    assert "no summary.json" in outline.text
    assert "not judged" in outline.text
    assert "20 of 40 arrivals not yet due" in outline.text
    assert "upper bounds" in outline.text
    assert "Arrivals against the schedule" in outline.headings


def test_a_run_without_requests_has_no_empty_charts(tmp_path: Path) -> None:
    empty = {"identify_duration": {"count": 0, **dict.fromkeys(("avg", "min", "med", "max", "p(95)"), 0.0)}}
    empty["identify_duration"]["thresholds"] = {"p(95)<500": False}  # type: ignore[assignment]
    nothing = ledger(scheduled=0, due=0, started=0, completed=0)
    parts = {
        "metrics": empty,
        "ledger": nothing,
        "verdict": {"kept_schedule": True, "line": "Nothing was due"},
    }
    page = page_of(write_folder(tmp_path / "r", [], parts, profile(rate=0)))
    outline = Outline(page)
    assert headline(page) == "Nothing sent"
    assert "<svg" not in page
    assert "no samples" in outline.text
    assert "passed" not in outline.text.replace("counts as passed", "")


def test_a_run_killed_before_its_first_row_still_has_a_page(tmp_path: Path) -> None:
    assert headline(page_of(write_folder(tmp_path / "r", [], is_killed=True))) == "Killed"


def test_errors_are_charted_by_cause(tmp_path: Path) -> None:
    rows = [*second_of(0, 8), *second_of(1, 6, error="429 rate limited"), *second_of(2, 2, error="timeout")]
    kinds = {"429 rate limited": 6, "timeout": 2}
    page = page_of(write_folder(tmp_path / "r", rows, {"errors_by_kind": kinds}))
    assert {"Errors by cause", "Errors over time"} <= set(Outline(page).headings)
    assert "8 of 16 requests failed." in page
    assert re.search(r"<text[^>]*>429 rate limited</text>", page)


def test_a_chart_of_many_causes_says_which_it_shows(tmp_path: Path) -> None:
    causes = [f"cause {number}" for number in range(8)]
    rows = [row for number, cause in enumerate(causes) for row in second_of(number, 2, error=cause)]
    page = page_of(write_folder(tmp_path / "r", rows, {"errors_by_kind": dict.fromkeys(causes, 2)}))
    assert "The 6 most frequent causes of 8." in page


def test_a_long_name_of_a_worker_leaves_room_for_its_bar() -> None:
    words = Words("workers", "Workers", "")
    drawing = draw_bars([("pod-" + "x" * 60 + "-7d9f8b", 5.0)], "main", NARROW, words)
    assert re.search(r"<text[^>]*>pod-x+…x+-7d9f8b</text>", drawing)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_queue_that_was_watched_has_a_chart_and_a_finding_killed_or_not(
    tmp_path: Path, *, is_killed: bool
) -> None:
    rows = [row for second in range(4) for row in second_of(second, 10)]
    rows += [
        {"second": second, "metric": "queue_backlog", "type": "gauge", "count": 1, "value": 200 * second}
        for second in (0, 2, 3)
    ]
    parts = {"queue": {"start": 0, "peak": 600, "end": 600, "readings": 3, "failed": 2}}
    outline = Outline(page_of(write_folder(tmp_path / "r", rows, parts, is_killed=is_killed)))
    assert "Queue backlog" in outline.headings
    assert "backlog: 0 to 600" in outline.text
    assert "from 0 to 600 messages, 600 at its peak" in outline.text
    assert "Backlog at its peak600600 at the end" in outline.text
    assert ("2 times a page could not be read" in outline.text) is not is_killed


def test_a_queue_that_was_drained_says_so_at_a_glance(tmp_path: Path) -> None:
    gauges = {"queue_backlog": (0, 600, 0), "queue_oldest_age": (0, 3000, 0)}
    rows = [row for second in range(3) for row in second_of(second, 10)]
    rows += [
        {"second": second, "metric": metric, "type": "gauge", "count": 1, "value": value}
        for metric, values in gauges.items()
        for second, value in enumerate(values)
    ]
    ledger = dict.fromkeys(DELIVERY_COLUMNS, 0)
    parts = {
        "deliveries": {**ledger, "drain_after_peak_seconds": 2.5, "line": "drained"},
        "metrics": {"delivery_duration": summary()["metrics"]["identify_duration"]},
    }
    outline = Outline(page_of(write_folder(tmp_path / "r", rows, parts)))
    assert "Delivery p955 msp50 2 ms, p99 8 ms" in outline.text
    assert "Backlog at its peak600drained 2.5s after it; the oldest 3s old" in outline.text


def test_workers_and_what_was_lost_have_tables(tmp_path: Path) -> None:
    worker = {
        "name": "worker-0",
        "generator": {"start_lag_p99_ms": 1.5, "cpu_p95_percent": 12.0},
        "started": 30,
        "dropped": 0,
        "lost": 10,
        "reports": 3,
        "reports_missing": 0,
        "state": "silent for 2.0 s",
    }
    lost = {"worker": 0, "scenario": "a", "since": 1.5, "until": 3.25, "lost": 10, "maybe_sent": 4}
    parts = {"workers": [worker], "lost": [lost], "ledger": ledger(started=30, lost=10)}
    outline = Outline(page_of(write_folder(tmp_path / "r", summary_parts=parts)))
    assert {"Iterations started by each worker", "Workers", "Lost arrivals"} <= set(outline.headings)
    assert "silent for 2.0 s" in outline.text
    assert "(worker-0 10)" in outline.text


def test_an_older_summary_without_the_newer_parts_is_read(tmp_path: Path) -> None:
    old = ledger()
    del old["a"]["dropped_late"], old["a"]["lost"]
    assert headline(page_of(write_folder(tmp_path / "r", summary_parts={"ledger": old}))) == "Passed"


@pytest.mark.parametrize("is_killed", [True, False])
def test_the_page_stands_alone_and_is_well_formed(tmp_path: Path, *, is_killed: bool) -> None:
    page = page_of(write_folder(tmp_path / "r", is_killed=is_killed))
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    tags = {tag for tag, _ in outline.attributes}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "a"})
    assert not {"src", "href", "srcset"} & {name for _, found in outline.attributes for name in found}
    assert set(re.findall(r"\w+://[^\s<\"]+", page)) == {"http://host.invalid"}
    assert "url(" not in page
    assert "@import" not in page


def test_every_chart_tells_what_it_shows_without_being_seen(tmp_path: Path) -> None:
    page = page_of(write_folder(tmp_path / "r"))
    outline = Outline(page)
    charts = [found for tag, found in outline.attributes if tag == "svg"]
    assert charts
    for found in charts:
        assert found["role"] == "img"
        assert set(str(found["aria-labelledby"]).split()) <= set(outline.ids)
    assert "started: 10 to 10" in outline.text


def test_text_from_the_run_cannot_become_markup(tmp_path: Path) -> None:
    evil = "<script>x</script>"
    rows = [*second_of(0, 3, error=evil), trend_row(1, f"{evil}_duration", [1.0])]
    parts = {
        "errors_by_kind": {evil: 3},
        "verdict": {"kept_schedule": True, "line": evil},
        "metrics": {f"{evil}_duration": {**summary()["metrics"]["identify_duration"]}},
    }
    page = page_of(write_folder(tmp_path / "r", rows, parts, settings={"target": evil, "run_id": evil}))
    assert "<script" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page


def test_paths_of_the_machine_are_left_out(tmp_path: Path) -> None:
    arguments = {
        "profile": "/home/someone/my.toml",
        "results_dir": "/home/someone/results",
        "time_scale": 0.5,
    }
    page = page_of(write_folder(tmp_path / "r", settings={"arguments": arguments}))
    assert "my.toml" in page
    assert "/home/" not in page


def test_a_threshold_far_above_the_values_does_not_press_them_flat(tmp_path: Path) -> None:
    assert "threshold p(95)&lt;500" not in page_of(write_folder(tmp_path / "r"))
    metrics = summary()["metrics"]
    metrics["identify_duration"]["thresholds"] = {"p(95)<15": False}
    near = write_folder(tmp_path / "r", summary_parts={"metrics": metrics})
    assert "threshold p(95)&lt;15" in page_of(near)


def test_a_long_run_makes_a_small_page(tmp_path: Path) -> None:
    rows = [row for second in range(3000) for row in second_of(second, 2)]
    page = page_of(write_folder(tmp_path / "r", rows, run_profile=profile(rate=2, seconds=3000.0)))
    assert "Each point stands for 5s." in page
    assert len(page) < 400_000
