"""The totals of a run since its start: of single values and of merged histograms alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from metrics.catalog import CATALOG, Tags, tags
from metrics.running_totals import BOUNDS_MS, RunningTotals, TrendTotal
from metrics.sinks import TrendSink
from metrics.store import Cell, MergedCell
from shapes.ledger import Ledger

AnyCell = Cell | MergedCell
A = tags(scenario="a")


def single(name: str, found: Tags, values: Sequence[float]) -> AnyCell:
    return Cell(CATALOG[name], found, list(values), [0] * len(values))


def merged(name: str, found: Tags, values: Sequence[float]) -> AnyCell:
    cell = Cell(CATALOG[name], found, list(values), [0] * len(values))
    return MergedCell(cell.metric, cell.tags, cell.aggregate())


both = pytest.mark.parametrize("cell", [single, merged], ids=["single values", "merged"])
Make = Callable[[str, Tags, Sequence[float]], AnyCell]


@both
def test_what_every_type_of_metric_adds_up_to(cell: Make) -> None:
    totals = RunningTotals({"a": 10})
    totals.add([cell("http_reqs", A, [1, 1]), cell("errors", A, [1, 0, 0]), cell("vus", (), [3, 5])])
    totals.add([cell("http_reqs", A, [1]), cell("errors", A, [0]), cell("vus", (), [4])])
    counters = {(name, *found): value for name, found, value in totals.counters() if name != "arrivals"}
    assert counters == {
        ("http_reqs", ("scenario", "a")): 3,
        ("errors", ("scenario", "a"), ("condition", "nonzero")): 1,
        ("errors", ("scenario", "a"), ("condition", "zero")): 3,
    }
    assert list(totals.gauges()) == [("vus", (), 4)]


@both
def test_a_trends_buckets_have_every_value_once_and_a_bound_is_in_its_own_bucket(cell: Make) -> None:
    totals = RunningTotals({"a": 10})
    values = [0.0, 0.05, 0.1, 10, 10.4, 14, 499, 500, 501, 250_000]
    totals.add([cell("start_lag", A, values[:4]), cell("start_lag", A, values[4:])])
    ((name, found, total),) = totals.trends()
    assert (name, found) == ("start_lag", A)
    assert (total.count, total.min, total.max) == (len(values), 0, 250_000)
    assert total.sum == pytest.approx(sum(values))
    assert up_to(total, 0.1) == 3
    assert up_to(total, 10) == 4
    assert up_to(total, 15) == 6
    assert up_to(total, 500) == 8
    assert up_to(total, 100_000) == 9
    assert sum(total.buckets) == len(values)


def up_to(total: TrendTotal, bound: float) -> int:
    return sum(total.buckets[: BOUNDS_MS.index(bound) + 1])


@pytest.mark.parametrize("bounds", [[0.3, 12.0, 12.0, 700.0, 9e6], []], ids=["some", "none"])
def test_a_histogram_counts_up_to_each_bound_as_it_counts_above_it(bounds: list[float]) -> None:
    sink = TrendSink()
    sink.add_all([0.1, 0.2999, 0.3, 5, 12, 12.001, 13, 699, 4_000])
    assert sink.counts_up_to(bounds) == [sink.count - sink.count_above(bound) for bound in bounds]


@both
def test_series_have_the_tags_that_k6_shows_so_that_their_number_stays_small(cell: Make) -> None:
    totals = RunningTotals({"a": 10})
    found = tags(scenario="a", status="200", name="track", method="POST", expected_response="true")
    totals.add([cell("track_duration", found, [5]), cell("http_req_duration", found, [5])])
    assert {name: series for name, series, _ in totals.trends()} == {
        "track_duration": A,
        "http_req_duration": found,
    }


@both
def test_arrivals_are_counted_live_and_are_the_ledgers_at_the_end(cell: Make) -> None:
    totals = RunningTotals({"a": 10})
    assert arrivals(totals) == {"scheduled": 10, "started": 0, "dropped": 0, "completed": 0}
    totals.add([cell("start_lag", A, [1, 2, 3]), cell("dropped_iterations", A, [0]),
                cell("iterations", A, [1, 1])])  # fmt: skip
    totals.add([cell("dropped_iterations", A, [2])])
    assert arrivals(totals) == {"scheduled": 10, "started": 3, "dropped": 2, "completed": 2}
    ledger = Ledger(
        scheduled=10, due=9, started=5, dropped=2, dropped_late=1, lost=2, not_yet_due=1, completed=4,
        interrupted=1,
    )  # fmt: skip
    totals.close({"a": ledger})
    assert arrivals(totals) == {
        "scheduled": 10, "started": 5, "dropped": 2, "completed": 4, "interrupted": 1, "lost": 2,
        "not_yet_due": 1,
    }  # fmt: skip


def arrivals(totals: RunningTotals) -> dict[str, float]:
    return {dict(found)["state"]: value for name, found, value in totals.counters() if name == "arrivals"}
