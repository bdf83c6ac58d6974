"""The Markdown summary: what decides first, tables that stay tables, and a comment's length."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from report.summary.markdown import LONGEST_CHARACTERS, markdown_of, write_markdown
from tests.unit.report.test_junit_xml import a_report


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text as cells, split where a reader of Markdown would split them."""
    found: list[list[list[str]]] = [[]]
    for line in text.split("\n"):
        if line.startswith("|"):
            assert line.endswith("|")
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_a_good_run_begins_with_its_outcome_and_has_its_figures() -> None:
    text = markdown_of(a_report())
    assert text.startswith("### ✅ Load test: all thresholds passed\n")
    assert "✅ Generator kept the schedule (0 dropped)" in text
    by_heading = {table[0][1 if not table[0][0] else 0]: table[2:] for table in tables(text)}
    assert by_heading["Latency"] == [["`track_duration`", "100", "5.90ms", "10.4ms", "10.8ms", "10.9ms"]]
    assert ["✅", "`errors`", "`rate<0.01`", "0%"] in [row for table in tables(text) for row in table]
    assert by_heading["Check"] == [["✅", "status is 200", "100 of 100"]]
    assert by_heading["Ledger"] == [["`track_load`", "100", "100", "0", "0", "0", "100", "0"]]
    assert "Errors" not in by_heading


def test_what_failed_is_marked_and_errors_are_counted_by_kind() -> None:
    late = "Generator did not keep the schedule: late"
    text = markdown_of(a_report(failed=3, verdict=late, notes=("12 points were <not> written",)))
    assert text.startswith("### ❌ Load test: 1 of 1 thresholds failed\n")
    assert "⚠️ Generator did not keep the schedule&#58; late" in text
    assert "⚠️ 12 points were &#60;not&#62; written" in text
    rows = [row for table in tables(text) for row in table]
    assert ["❌", "`errors`", "`rate<0.01`", "3%"] in rows
    assert ["❌", "status is 200", "97 of 100"] in rows
    assert ["timeout", "3"] in rows


def test_a_threshold_without_samples_has_a_mark_of_its_own() -> None:
    text = markdown_of(a_report(selector="identify_duration", bound="p(95)<500"))
    assert text.startswith("### ✅ Load test: no threshold failed, 1 of 1 had no samples\n")
    rows = [row for table in tables(text) for row in table]
    assert ["⚪", "`identify_duration`", "`p(95)<500`", "no samples"] in rows


def test_a_broken_run_says_that_before_all_else() -> None:
    assert markdown_of(a_report(failed=3, faults=("disk full",))).startswith(
        "### ❌ Load test: the run itself"
    )


def test_markup_in_names_is_shown_not_rendered(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    write_markdown(
        path,
        a_report(notes=("\udcff",), check="a|b `c` <img src=x> @team [x](y)\nz", scenario="in|out", failed=1),
    )
    text = path.read_text(encoding="utf-8")
    assert "a&#124;b &#96;c&#96; &#60;img src=x&#62; &#64;team &#91;x&#93;(y) z" in text
    assert "`in\\|out`" in text


@given(st.text(), st.text(), st.text())
def test_whatever_names_contain_every_row_has_as_many_cells_as_its_heading(
    check: str, error: str, scenario: str
) -> None:
    text = markdown_of(a_report(check=check, error=error or "x", scenario=scenario, failed=1))
    for table in tables(text):
        assert {len(row) for row in table} == {len(table[0])}
    assert "<" not in re.sub(r"`[^`]*`", "", text)


def test_a_summary_too_long_for_a_comment_is_cut_between_lines_and_says_so() -> None:
    report = a_report()
    ledger = report.ledgers["track_load"]
    many = {f"scenario_{number}": ledger for number in range(3000)}
    text = markdown_of(type(report)(**{**vars(report), "ledgers": many}))
    assert len(text) <= LONGEST_CHARACTERS
    assert text.endswith("|\n\nShortened: `summary.json` has the rest.\n")
