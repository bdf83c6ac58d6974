"""metrics.csv: whole rows, on disk at once, that say what was measured."""

from __future__ import annotations

import csv
from pathlib import Path

from metrics.catalog import tags
from metrics.csv_output import COLUMNS, CsvOutput
from metrics.store import MetricStore


def test_each_kind_of_metric_has_its_row_and_rows_are_on_disk_before_the_end(tmp_path: Path) -> None:
    store = MetricStore()
    for value in range(1, 101):
        store.add("identify_duration", value, tags(scenario="a", method="PUT", status="200", name="identify"))
    store.add("errors", True, tags(scenario="a"))
    store.add("errors", False, tags(scenario="a"))
    store.add("http_reqs", 1, tags(error='4xx, "quoted"'))
    store.add("http_reqs", 1, tags(error='4xx, "quoted"'))
    store.add("vus", 7, ())
    store.add("vus", 5, ())
    path = tmp_path / "metrics.csv"
    output = CsvOutput(path)
    output.samples(1_700_000_000, 3, list(store.fold()))
    with path.open(newline="") as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    output.stop()
    assert tuple(rows["vus"]) == COLUMNS
    assert {row["timestamp"] for row in rows.values()} == {"1700000000"}
    assert {row["second"] for row in rows.values()} == {"3"}
    trend = rows["identify_duration"]
    assert [trend[column] for column in ("scenario", "method", "name", "status")] == [
        "a",
        "PUT",
        "identify",
        "200",
    ]
    assert [trend[column] for column in ("count", "min", "avg", "med", "p90", "p95", "p99", "max")] == [
        "100", "1", "50.5", "50", "90", "95", "99", "100",
    ]  # fmt: skip
    assert (rows["errors"]["count"], rows["errors"]["value"]) == ("2", "0.5")
    assert (rows["http_reqs"]["value"], rows["http_reqs"]["error"]) == ("2", '4xx, "quoted"')
    assert [rows["vus"][column] for column in ("value", "min", "max")] == ["5", "5", "7"]
