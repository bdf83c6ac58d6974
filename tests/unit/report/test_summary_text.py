"""The summary on the terminal fits it, whatever its width, and ends with what a reader needs next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.markup import render

from report.run_report import RunReport
from report.summary.text import summary_lines
from shapes.ledger import Ledger
from tests.unit.report.test_junit_xml import a_report

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


def test_the_end_says_what_passed_and_where_the_report_is() -> None:
    *_, thresholds, ended, results, report = lines_of(a_report(), 80)
    assert thresholds == "  Thresholds: 1 of 1 passed"
    assert ended.startswith("  Finished after ")
    assert results.startswith("  Results: ")
    assert report.startswith("  Report, for a browser: file:///")
    assert report.endswith("/report.html")
    assert "  Thresholds: 1 of 1 failed" in lines_of(a_report(failed=3), 80)
