"""Thresholds: what must hold of a metric for the run to pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from config.durations import format_milliseconds
from config.errors import ConfigError
from config.nearest import did_you_mean, nearest
from config.profile import ThresholdOptions
from config.threshold_grammar import ThresholdExpression, parse_metric_selector
from metrics.catalog import Metric, MetricType
from metrics.sinks import AGGREGATIONS
from metrics.store import MetricStore


class ThresholdOutcome(StrEnum):
    """How a threshold ended."""

    PASSED = "passed"
    FAILED = "failed"
    NO_SAMPLES = "no samples"


@dataclass(frozen=True)
class ThresholdResult:
    """A threshold, the value it was held against, and whether it passed.

    ``has_no_samples`` if there was nothing to judge. The value is 0 then, and the threshold passes or fails
    by it, as for a Trend in k6. A Counter, and the count of a Trend, is 0 without samples: that is a
    measurement.
    """

    selector: str
    options: ThresholdOptions
    value: float
    passed: bool
    metric_type: MetricType
    has_no_samples: bool = False

    @property
    def source(self) -> str:
        """The expression as the profile has it."""
        return self.options.threshold.source

    @property
    def outcome(self) -> ThresholdOutcome:
        """What to show for it: a pass only if there was something to judge."""
        if not self.passed:
            return ThresholdOutcome.FAILED
        return ThresholdOutcome.NO_SAMPLES if self.has_no_samples else ThresholdOutcome.PASSED

    def describe(self) -> str:
        """Return the expression with what was measured: ``'p(95)<500' p(95)=2.13ms``."""
        if self.has_no_samples:
            return f"'{self.source}' {ThresholdOutcome.NO_SAMPLES}"
        return f"'{self.source}' {self.options.threshold.aggregation}={self.value_text}"

    @property
    def value_text(self) -> str:
        """The value with its unit: ``2.13ms``, ``0.12%``, ``40``, ``4/s``."""
        if self.options.threshold.aggregation == "count":
            return f"{self.value:.10g}"
        if self.metric_type is MetricType.TREND:
            return format_milliseconds(self.value)
        if self.metric_type is MetricType.RATE:
            return f"{self.value * 100:.4g}%"
        return f"{self.value:.4g}/s" if self.metric_type is MetricType.COUNTER else f"{self.value:.10g}"


def check_metric(name: str, catalog: Mapping[str, Metric]) -> None:
    """Check that a run has a metric of this name.

    Raises:
        ConfigError: it has not.
    """
    if name not in catalog:
        # Thirty names are of use only to somebody who is far from all of them.
        meant = did_you_mean(nearest(name, catalog))
        all_names = f"; expected one of {', '.join(sorted(catalog))}"
        raise ConfigError(f"no such metric{meant or all_names}")


def check_threshold(selector: str, expression: ThresholdExpression, catalog: Mapping[str, Metric]) -> None:
    """Check that the metric can answer what the threshold asks. A metric that does not exist can.

    Raises:
        ConfigError: its type does not have the aggregation.
    """
    name, _ = parse_metric_selector(selector)
    if name not in catalog:
        return
    metric = catalog[name]
    allowed = AGGREGATIONS[metric.type]
    asked = "p(N)" if expression.percentile is not None else expression.aggregation
    if asked not in allowed:
        raise ConfigError(
            f"{expression.source!r}: a {metric.type} has {', '.join(allowed)}, not {expression.aggregation}"
        )


def evaluate(
    thresholds: Mapping[str, Sequence[ThresholdOptions]],
    store: MetricStore,
    seconds: float,
    *,
    skip_empty: bool = False,
) -> list[ThresholdResult]:
    """Return the result of every threshold, given what was recorded in ``seconds`` of the run.

    During a run k6 leaves out metrics that have no value yet, and so does ``skip_empty``.
    """
    results = []
    for selector, of_metric in thresholds.items():
        sink = store.sink(selector)
        if skip_empty and sink.is_empty:
            continue
        for options in of_metric:
            threshold = options.threshold
            value = sink.aggregate(threshold.aggregation, seconds)
            is_counted = threshold.aggregation == "count" or sink.metric_type is MetricType.COUNTER
            has_no_samples = sink.is_empty and not is_counted
            results.append(
                ThresholdResult(
                    selector, options, value, threshold.holds(value), sink.metric_type, has_no_samples
                )
            )
    return results


def first_to_abort(results: Sequence[ThresholdResult], seconds: float) -> ThresholdResult | None:
    """Return the first failed threshold that ends the run now, ``seconds`` after its start."""
    for result in results:
        if not result.passed and result.options.abort_on_fail and seconds >= result.options.delay_abort_eval:
            return result
    return None
