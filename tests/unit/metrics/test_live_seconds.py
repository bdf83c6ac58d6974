"""What the web UI draws of a second, from one process's values and from merged ones."""

from __future__ import annotations

from metrics.catalog import CATALOG, tags
from metrics.live_seconds import LiveSeconds
from metrics.store import Cell, MergedCell

LATENCIES = [float(value) for value in range(1, 101)]


def cells() -> list[Cell]:
    values = {
        "http_req_duration": LATENCIES,
        "start_lag": [0.5, 0.7, 2.0],
        "dropped_iterations": [4.0],
        "errors": [0.0, 1.0, 1.0],
        "vus": [3.0],
        "vus_max": [50.0],
        "identify_duration": [9.0],
    }
    return [Cell(CATALOG[name], tags(scenario="a"), found, []) for name, found in values.items()]


def test_a_second_has_its_arrivals_percentiles_and_vus() -> None:
    live = LiveSeconds(lambda second: int(10 * second))
    live.samples(1_800_000_000, 2, cells())
    assert [second.to_row() for second in live.seconds] == [[2, 10, 3, 4, 2, 50.0, 95.0, 99.0, 2.0, 3, 50]]


def test_histograms_of_workers_give_the_same_second() -> None:
    live = LiveSeconds(lambda second: int(10 * second))
    live.samples(0, 2, [MergedCell(cell.metric, cell.tags, cell.aggregate()) for cell in cells()])
    (row,) = (second.to_row() for second in live.seconds)
    # Histograms have three significant digits.
    assert [round(figure, 1) for figure in row if figure is not None] == [
        2, 10, 3, 4, 2, 50.0, 95.0, 99.0, 2.0, 3, 50,
    ]  # fmt: skip


def test_a_second_without_requests_has_no_percentiles() -> None:
    live = LiveSeconds(lambda second: 0)
    live.samples(0, 0, [])
    assert live.seconds[0].to_row() == [0, 0, 0, 0, 0, None, None, None, None, 0, 0]
