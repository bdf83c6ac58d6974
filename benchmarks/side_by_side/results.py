"""The figures of all steps: kept as JSON lines, one per measurement, and told as tables in Markdown."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Record = dict[str, Any]

# The case of the workers' step that the others are compared with.
ONE_CORE = "one process and nginx on one core"

_BETWEEN = re.compile(r"(<!-- figures of benchmarks/generators\.py -->\n).*(<!-- end -->)", re.DOTALL)


class Results:
    """Measurements in a file, to which each run of the command appends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._records: list[Record] = [json.loads(line) for line in lines]

    def add(self, step: str, **values: Any) -> None:
        """Keep a measurement, and print it."""
        record = {"step": step, **values}
        self._records.append(record)
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(" ".join(f"{name}={_short(value)}" for name, value in record.items()), flush=True)

    def of(self, step: str, **values: Any) -> list[Record]:
        """Return the measurements of a step that have these values."""
        wanted = {"step": step, **values}.items()
        return [record for record in self._records if wanted <= record.items()]

    def values(self, step: str, name: str) -> list[Any]:
        """Return the different values of a name in a step, in the order in which they came."""
        return list(dict.fromkeys(record[name] for record in self.of(step)))

    def highest(self, server: str, generator: str) -> float:
        """Return the median of the highest rates that were found; NaN if none was."""
        found = [record["rate"] for record in self.of("highest", server=server, generator=generator)]
        return median(found) if found else math.nan


def write_tables(results: Results, words: dict[str, str], page: Path) -> None:
    """Write all tables between the page's two marks.

    Args:
        results: the measurements.
        words: for each generator what the tables call it.
        page: a Markdown file with the marks.
    """
    tables = [_highest(results, words), *_per_iteration(results, words), *_wire(results, words)]
    tables += [_workers(results), _full_profile(results, words), machine()]
    text = "\n\n".join(table for table in tables if table) + "\n\n"
    page.write_text(_BETWEEN.sub(lambda match: match[1] + "\n" + text + match[2], page.read_text()))


def _highest(results: Results, words: dict[str, str]) -> str:
    servers = results.values("highest", "server")
    if not servers:
        return ""
    rows = []
    for name, told in words.items():
        cells = []
        for server in servers:
            found = _rates(results, server, name)
            cells += [spread(found, thousands), ratio(found, _rates(results, server, "k6"))]
        if any(cell != "–" for cell in cells):
            rows.append([told, *cells])
    heads = [head for server in servers for head in (f"{server}, requests/s", "times k6's")]
    return "Highest rate without a dropped arrival:\n\n" + table(["", *heads], rows)


def _rates(results: Results, server: str, generator: str) -> list[float]:
    return [record["rate"] for record in results.of("highest", server=server, generator=generator)]


def _per_iteration(results: Results, words: dict[str, str]) -> Iterable[str]:
    for server in results.values("cpu", "server"):
        rows = []
        for rate in sorted(record["rate"] for record in _first_of_each(results.of("cpu", server=server))):
            of_k6 = results.of("cpu", server=server, rate=rate, generator="k6")
            for name, told in words.items():
                runs = results.of("cpu", server=server, rate=rate, generator=name)
                if runs:
                    cost, peak = _column(runs, "us_per_iteration"), _column(runs, "peak_mb")
                    rows.append([
                        thousands(rate), told,
                        spread(cost, whole), ratio(cost, _column(of_k6, "us_per_iteration")),
                        spread(peak, whole), ratio(peak, _column(of_k6, "peak_mb")), _missing(runs),
                    ])  # fmt: skip
        heads = ["rate", "", "us CPU per iteration", "times k6's", "peak MB", "times k6's", "not sent"]
        yield f"CPU and memory, to {server}:\n\n" + table(heads, rows)


def _first_of_each(records: list[Record]) -> list[Record]:
    return list({record["rate"]: record for record in records}.values())


def _wire(results: Results, words: dict[str, str]) -> Iterable[str]:
    for server in results.values("lag", "server"):
        rows = []
        for rate in sorted(record["rate"] for record in _first_of_each(results.of("lag", server=server))):
            for name, told in words.items():
                runs = results.of("lag", server=server, rate=rate, generator=name)
                if runs:
                    added = [run["latency_mean"] - run["wire_latency_mean"] for run in runs]
                    told_runs = [
                        spread(_column(runs, column), two_digits)
                        for column in ("wire_lag_mean", "wire_lag_p99", "wire_latency_mean", "latency_mean")
                    ]
                    rows.append([
                        thousands(rate), told, *told_runs, spread(added, two_digits),
                        spread(_column(runs, "wire_latency_p99"), two_digits),
                        spread(_column(runs, "latency_p99"), two_digits), _missing(runs),
                    ])  # fmt: skip
        heads = [
            *("rate", "", "start lag, mean", "p99", "latency on the wire, mean", "shown, mean"),
            *("shown less wire", "latency on the wire, p99", "shown, p99", "not sent"),
        ]
        yield f"Start lag and latency in ms, {server}:\n\n" + table(heads, rows)


def _workers(results: Results) -> str:
    rows = []
    base = [record["rate"] for record in results.of("workers", case=ONE_CORE)]
    for case in results.values("workers", "case"):
        rates = [record["rate"] for record in results.of("workers", case=case)]
        rows.append([case, spread(rates, thousands), ratio(rates, base)])
    return "Two workers:\n\n" + table(["", "requests/s", "times the first"], rows) if rows else ""


def _full_profile(results: Results, words: dict[str, str]) -> str:
    rows = []
    for scale in results.values("profile", "time_scale"):
        for name, told in words.items():
            runs = results.of("profile", generator=name, time_scale=scale)
            if not runs:
                continue
            cpu = _column(runs, "cpu_seconds")
            of_all = [
                ratio(cpu, _column(results.of("profile", generator=other, time_scale=scale), "cpu_seconds"))
                for other in ("k6", "k6-unnamed")
            ]
            rows.append([
                "in full" if scale == 1.0 else f"durations times {scale:g}", told,
                spread(_column(runs, "arrived"), thousands), spread(cpu, one_digit),
                spread(_column(runs, "peak_mb"), whole), *of_all,
            ])  # fmt: skip
    heads = [
        "",
        "",
        "requests that arrived",
        "CPU seconds",
        "peak MB",
        "times k6's",
        "times k6's without a tag",
    ]
    return "The default profile, to the stand-in:\n\n" + table(heads, rows) if rows else ""


def _column(runs: Sequence[Record], name: str) -> list[float]:
    return [run[name] for run in runs if run.get(name) is not None and not math.isnan(run[name])]


def _missing(runs: Sequence[Record]) -> str:
    missing = [max(0, run["scheduled"] - run["completed"]) for run in runs]
    return spread(missing, whole) + f" of {thousands(runs[0]['scheduled'])}" if any(missing) else "0"


# -- words ----------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def spread(values: Sequence[float], words: Callable[[float], str]) -> str:
    """Return the median, and in brackets the least and the greatest value where they differ."""
    if not values:
        return "–"
    low, middle, high = (words(value) for value in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def ratio(values: Sequence[float], base: Sequence[float]) -> str:
    """Return the ratio of the medians, and in brackets what the extremes allow."""
    if not values or not base or values == base:
        return "–" if not values or not base else "1"
    ratios = (min(values) / max(base), median(values) / median(base), max(values) / min(base))
    low, middle, high = (two_digits(value) for value in ratios)
    return middle if low == high else f"{middle} ({low} to {high})"


def thousands(value: float) -> str:
    """Return a whole number with a space between thousands."""
    return f"{round(value):,}".replace(",", " ")


def whole(value: float) -> str:
    """Return a rounded number."""
    return f"{value:.0f}"


def one_digit(value: float) -> str:
    """Return a number with one decimal."""
    return f"{value:.1f}"


def two_digits(value: float) -> str:
    """Return a number with two decimals, fewer above ten."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _short(value: Any) -> str:
    return two_digits(value) if isinstance(value, float) else str(value)


def machine() -> str:
    """Return what the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return (
        f"Machine: {os.cpu_count()} cores of {model[1] if model else platform.machine()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}."
    )
