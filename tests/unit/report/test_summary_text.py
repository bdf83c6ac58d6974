"""The summary on the terminal fits it, whatever its width, and ends with what a reader needs next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.markup import render

from metrics.delivery_figures import DeliveryFigures
from report.run_report import RunReport
from report.summary.text import summary_lines
from shapes.ledger import Ledger
from tests.unit.report.test_junit_xml import a_report

DELIVERIES = DeliveryFigures(
    queue="the file queue.jsonl",
    started=100,
    not_produced=1,
    delivered=90,
    dead_letters=2,
    still_queued=3,
    lost=4,
    repeated=5,
    backlog_peak=20,
    oldest_age_ms=1068.28,
    drain_after_peak_seconds=None,
    drain_after_end_seconds=None,
    replicas=1,
    clock_error_ms=0.0,
    reads_failed=0,
)

WIDTHS = pytest.mark.parametrize("width", [80, 100, 160])


def lines_of(report: RunReport, width: int) -> list[str]:
    return [render(line).plain for line in summary_lines(report, width)]


@WIDTHS
def test_every_line_without_a_path_fits(width: int) -> None:
    verdict = (
        "Generator did not keep the schedule: " + "121 of 617 arrivals dropped for want of an idle VU; " * 4
    )
    lines = lines_of(a_report(failed=3, verdict=verdict, notes=("12 points were not written",)), width)
    assert max(len(line) for line in lines if "/" not in line or "file:" not in line) <= width
    assert "".join(verdict.split()) in "".join("".join(lines).split())


@WIDTHS
def test_the_heads_of_the_trends_stand_over_their_values(width: int) -> None:
    lines = lines_of(a_report(), width)
    (head,) = [index for index, line in enumerate(lines) if line.startswith("  TRENDS")]
    row = lines[head + 1]
    assert row.split()[0] == "track_duration"
    assert len(row.split()) == len(lines[head].split())
    for name, value in zip(lines[head].split()[1:], row.split()[1:], strict=True):
        assert lines[head].index(name) + len(name) == row.index(value) + len(value)
    assert {"med", "p(95)", "p(99)", "max"} <= set(lines[head].split())


@WIDTHS
def test_the_ledger_is_a_sum_down_its_columns(width: int) -> None:
    ledgers = {
        f"a_scenario_with_a_long_name_{n}": Ledger(
            scheduled=100,
            due=90,
            started=70,
            dropped=15,
            dropped_late=0,
            lost=5,
            not_yet_due=10,
            completed=69,
            interrupted=1,
        )
        for n in range(4)
    }
    lines = lines_of(replace(a_report(), ledgers=ledgers), width)
    for name in ledgers:
        (head,) = [index for index, line in enumerate(lines) if "LEDGER" in line and name in line]
        end = lines[head].index(name) + len(name)
        numbers = [int(line[:end].split()[-1]) for line in lines[head + 1 : head + 8]]
        scheduled, *parts, completed, interrupted = numbers
        assert scheduled == sum(parts)
        assert (completed, interrupted) == (69, 1)
        assert max(map(len, lines[head : head + 8])) <= width


def test_a_queues_messages_are_a_sum_that_repeated_ones_are_no_part_of() -> None:
    report = replace(a_report(), deliveries=DELIVERIES)
    report.store.add("queue_oldest_age", 1068.28, ())
    list(report.store.fold())
    lines = lines_of(report, 80)
    head = lines.index("  DELIVERY of the messages that were started")
    rows = [line.rsplit(None, 1) for line in lines[head + 1 : head + 8]]
    assert int(rows[0][1]) == sum(int(number) for label, number in rows if label[4] in "=+")
    assert rows[-1] == ["      repeated", "5"]
    assert any(line.split() == ["queue_oldest_age", "1.07s", "min=1.07s", "max=1.07s"] for line in lines)


def test_the_end_says_what_passed_and_where_the_report_is() -> None:
    *_, thresholds, ended, results, report = lines_of(a_report(), 80)
    assert thresholds == "  Thresholds: 1 of 1 passed"
    assert ended.startswith("  Finished after ")
    assert results.startswith("  Results: ")
    assert report.startswith("  Report, for a browser: file:///")
    assert report.endswith("/report.html")
    assert "  Thresholds: 1 of 1 failed" in lines_of(a_report(failed=3), 80)
