"""Every sample of a run: kept for a second as it came, and for the whole run as aggregates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from config.threshold_grammar import parse_metric_selector
from metrics.catalog import CATALOG, Metric, Tags
from metrics.counted import Counted
from metrics.iteration_log import Answers, IterationLog
from metrics.sinks import AnySink, CounterSink, RateSink, TrendSink, merge, new_sink, row_of

# A sample of these that is a failure has its kind in the tag ``error``.
_SENT = ("http_reqs", "produced_messages")

# k6 always shows this one beside http_req_duration.
_ALWAYS = ("http_req_duration{expected_response:true}",)


@dataclass(frozen=True)
class Cell:
    """The values of one metric under one set of tags within one window, in the order they came.

    ``times`` has the Unix time of each, in nanoseconds.
    """

    metric: Metric
    tags: Tags
    values: list[float]
    times: list[int]

    def aggregate(self) -> AnySink:
        """Return a sink with the values, to send to another process."""
        sink = new_sink(self.metric.type)
        sink.add_all(self.values)
        return sink

    def row(self) -> dict[str, float]:
        """Return the columns of ``metrics.csv`` that this type of metric fills."""
        return row_of(self.metric.type, self.values)


@dataclass(frozen=True)
class MergedCell:
    """What several processes measured of one metric under one set of tags within one window."""

    metric: Metric
    tags: Tags
    sink: AnySink

    def row(self) -> dict[str, float]:
        """Return the columns of ``metrics.csv`` that this type of metric fills."""
        return self.sink.row()


@dataclass
class _Series:
    """What a threshold or a summary line is about: a metric, or the part of it that has some tags."""

    metric: Metric
    tags: dict[str, str]
    sink: AnySink = field(init=False)

    def __post_init__(self) -> None:
        self.sink = new_sink(self.metric.type)

    def takes(self, tags: Tags) -> bool:
        return not self.tags or self.tags.items() <= dict(tags).items()


class MetricStore:
    """The samples of one run.

    A request only waits for ``add``, an append. ``fold`` moves a window's values into the aggregates and
    yields them cell by cell, so that its caller can let other greenlets run in between.

    Args:
        selectors: the sub-metrics to aggregate beside the metrics themselves, such as
            ``track_duration{status:200}``.
        catalog: all metrics that may be recorded, by name.
        on_answers: called with the requests that were recorded in the attached logs, each once: by
            ``hand_on_answers``, and at the latest by ``fold``.

    Raises:
        ValueError: a selector is not of that form.
        KeyError: a selector's metric is not in the catalog.
    """

    def __init__(
        self,
        selectors: Iterable[str] = (),
        catalog: Mapping[str, Metric] = CATALOG,
        on_answers: Callable[[Sequence[Answers]], None] | None = None,
    ) -> None:
        self.catalog = catalog
        self._window: dict[tuple[str, Tags], tuple[list[float], list[int]]] = {}
        self._logs: list[IterationLog] = []
        self._on_answers = on_answers
        self._series: dict[str, _Series] = {name: _Series(metric, {}) for name, metric in catalog.items()}
        for selector in (*_ALWAYS, *selectors):
            name, wanted = parse_metric_selector(selector)
            self._series.setdefault(selector, _Series(catalog[name], wanted))
        self._by_metric: dict[str, list[_Series]] = {}
        for series in self._series.values():
            self._by_metric.setdefault(series.metric.name, []).append(series)
        self.by_check: dict[str, RateSink] = {}
        self.by_error: dict[str, int] = {}

    def add(self, name: str, value: float, tags: Tags) -> None:
        """Record one value of a metric of the catalog, as of now; trends are in milliseconds."""
        key = (name, tags)
        window = self._window.get(key)
        if window is None:
            self._window[key] = ([value], [time.time_ns()])
        else:
            window[0].append(value)
            window[1].append(time.time_ns())

    def attach(self, log: IterationLog) -> None:
        """Let a log's windows be part of this store's."""
        self._logs.append(log)

    def fold(self, yield_to_arrivals: Callable[[], object] = lambda: None) -> Iterator[Cell]:
        """End the current window: aggregate its cells one by one and yield each.

        ``yield_to_arrivals`` is called within large cells, for the caller to let others run there too.
        """
        self.hand_on_answers()
        window = self._close_window()
        # By the identity of a list of values: several metrics may have the same one, which is counted once.
        counted: dict[int, Counted] = {}
        for (name, tags), (values, times) in window.items():
            for series in self._by_metric[name]:
                if not series.takes(tags):
                    continue
                if isinstance(series.sink, TrendSink):
                    if id(values) not in counted:
                        counted[id(values)] = Counted.of(values, yield_to_arrivals)
                    series.sink.add_counted(counted[id(values)])
                else:
                    series.sink.add_all(values)
            self._fold_breakdowns(name, tags, values)
            yield Cell(self.catalog[name], tags, values, times)

    def hand_on_answers(self) -> None:
        """Let ``on_answers`` know of the requests since the last call, before their window ends."""
        answers = [answers for log in self._logs for answers in log.take_answers()]
        if self._on_answers is not None and answers:
            self._on_answers(answers)

    def _close_window(self) -> dict[tuple[str, Tags], tuple[list[float], list[int]]]:
        """Begin the next window, here and in the logs; return the last one."""
        window, self._window = self._window, {}
        for log in self._logs:
            for name, tags, values, times in log.close_window():
                added = window.get((name, tags))
                # The log's lists are shared between its metrics, so they are never extended.
                window[name, tags] = (
                    (values, times) if added is None else (added[0] + values, added[1] + times)
                )
        return window

    def merge(self, name: str, tags: Tags, sink: AnySink) -> None:
        """Aggregate what another process measured in one window, by its own ``Cell.aggregate``."""
        for series in self._by_metric[name]:
            if series.takes(tags):
                merge(series.sink, sink)
        if name == "checks" and isinstance(sink, RateSink):
            self._check_of(tags).merge(sink)
        elif name in _SENT and isinstance(sink, CounterSink):
            self._count_failed(tags, int(sink.count))

    def sink(self, selector: str) -> AnySink:
        """Return the aggregate of a metric or declared sub-metric; ``KeyError`` if it is neither."""
        return self._series[selector].sink

    def trend(self, name: str) -> TrendSink:
        """Return the aggregate of a Trend; ``TypeError`` if the metric is of another type."""
        sink = self.sink(name)
        if not isinstance(sink, TrendSink):
            raise TypeError(f"{name} is not a trend")
        return sink

    def selectors(self) -> Iterator[tuple[str, Metric, AnySink]]:
        """Yield all metrics and declared sub-metrics, with their aggregates."""
        for selector, series in self._series.items():
            yield selector, series.metric, series.sink

    def _fold_breakdowns(self, name: str, tags: Tags, values: list[float]) -> None:
        if name == "checks":
            self._check_of(tags).add_all(values)
        elif name in _SENT:
            self._count_failed(tags, len(values))

    def _check_of(self, tags: Tags) -> RateSink:
        return self.by_check.setdefault(dict(tags)["check"], RateSink())

    def _count_failed(self, tags: Tags, count: int) -> None:
        if kind := dict(tags).get("error"):
            self.by_error[kind] = self.by_error.get(kind, 0) + count
