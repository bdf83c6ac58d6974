"""A comparison on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from report.compare.judgement import Comparison, RowFinding
from report.compare.texts import change_text, count_texts, figure_text

STYLES = {
    RowFinding.SAME: "dim",
    RowFinding.BETTER: "green",
    RowFinding.WORSE: "yellow",
    RowFinding.REGRESSION: "bold red",
    RowFinding.UNKNOWN: "dim italic",
}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the tables, the warnings, and the outcome in one line at the end."""
    for label, run in (("A", comparison.a), ("B", comparison.b)):
        console.print(
            f"{label}: {escape(run.run_id)}, {run.length_seconds:.1f} s, {escape(str(run.folder))}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(_counts(comparison))
    console.print(_figures(comparison))
    console.print(
        f"Intervals: {100 * comparison.confidence:g}% for all rows together. ? = too few values for a bound.",
        style="dim",
        highlight=False,
    )
    for warning in comparison.warnings:
        console.print(f"[yellow]Warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    style = "bold red" if comparison.regressions else "bold"
    console.print(f"[{style}]{escape(comparison.line)}[/]", highlight=False, soft_wrap=True)


def _counts(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Counts")
    for heading in ("A", "B", "B - A"):
        table.add_column(heading, justify="right")
    for row in comparison.counts:
        table.add_row(escape(row.name), *count_texts(row))
    return table


def _figures(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Metric", no_wrap=True)
    for heading in ("", "A", "B", "Change (interval)"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_column("Finding")
    metric = ""
    for row in comparison.rows:
        style = STYLES[row.finding]
        table.add_row(
            escape(row.metric) if row.metric != metric else "",
            row.statistic,
            figure_text(row, row.a),
            figure_text(row, row.b),
            change_text(row),
            f"[{style}]{row.finding.value}[/]",
        )
        metric = row.metric
    return table
