"""What workers measured, second by second, merged into the rows of the master's files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from engine.cluster.messages import SecondMeasured, decode_cell
from engine.cluster.seal import MessageError
from metrics.catalog import Tags
from metrics.sinks import AnySink, GaugeSink, RateSink, merge
from metrics.store import MergedCell, MetricStore
from run.arrival_source import Row

WorkerCell = tuple[str, Tags, AnySink]
"""The aggregate of one worker, second, metric and set of tags."""

# A second's row is written this much later, when the workers' messages about it have arrived.
_ROW_DELAY_SECONDS = 2

_NEEDED_TAGS = {"errors": "scenario", "checks": "check"}


class MeasuredSeconds:
    """Rows that are not written yet, and the store that all values of the run are merged into.

    Args:
        store: where all workers' values are merged.
        scenarios: the names of the run's scenarios.
    """

    def __init__(self, store: MetricStore, scenarios: Collection[str]) -> None:
        self._store = store
        self._failed = dict.fromkeys(scenarios, 0)
        self._open_rows: dict[int, dict[tuple[str, Tags], AnySink]] = {}
        self._next_row = 0

    def failed(self, scenario: str) -> int:
        """Return how many iterations of a scenario have failed."""
        return self._failed[scenario]

    def decode(self, measured: SecondMeasured) -> list[WorkerCell]:
        """Return the cells of a worker's message. Nothing is merged yet.

        Raises:
            MessageError: a cell of another form, or one that this run cannot have.
        """
        cells = [decode_cell(cell, self._store.catalog) for cell in measured.cells]
        for name, tags, _ in cells:
            self._check_tags(name, tags)
        return cells

    def _check_tags(self, name: str, tags: Tags) -> None:
        needed = _NEEDED_TAGS.get(name)
        value = dict(tags).get(needed) if needed is not None else None
        if needed is not None and value is None:
            raise MessageError(f"cell of {name}: has no {needed}")
        if needed == "scenario" and value not in self._failed:
            raise MessageError(f"cell of {name}: a scenario that this run does not have")

    def add(self, second: int, cells: Sequence[WorkerCell]) -> None:
        """Merge cells into the row of their second, or into the next row if that one is already written.

        The row takes the aggregates over: a caller must not use them afterwards.
        """
        row = self._row_of(second)
        for name, tags, sink in cells:
            self._store.merge(name, tags, sink)
            if name == "errors" and isinstance(sink, RateSink):
                self._failed[dict(tags)["scenario"]] += sink.passes
            if (name, tags) in row:
                merge(row[name, tags], sink)
            else:
                row[name, tags] = sink

    def sample_gauge(self, second: int, name: str, value: float) -> None:
        """Record the value of one of the master's own Gauges."""
        gauge = GaugeSink()
        gauge.add_all([value])
        self._store.merge(name, (), gauge)
        self._row_of(second)[name, ()] = gauge

    def _row_of(self, second: int) -> dict[tuple[str, Tags], AnySink]:
        return self._open_rows.setdefault(max(second, self._next_row), {})

    def close_rows(self, second: int, *, is_last: bool) -> Iterator[Row]:
        """Yield the rows that should be complete when ``second`` has ended; at the run's end, all rows."""
        complete = max(self._open_rows, default=-1) if is_last else second - _ROW_DELAY_SECONDS
        while self._next_row <= complete:
            number = self._next_row
            row = self._open_rows.pop(number, {})
            # Advanced before the row is written, so that what arrives meanwhile goes into a later one.
            self._next_row += 1
            cells = [MergedCell(self._store.catalog[name], tags, sink) for (name, tags), sink in row.items()]
            yield number, cells
