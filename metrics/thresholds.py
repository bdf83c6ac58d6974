"""Thresholds: what must hold of a metric for the run to pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.errors import ConfigError
from config.profile import Profile, ThresholdOptions
from config.threshold_grammar import parse_metric_selector
from metrics.catalog import Metric
from metrics.sinks import AGGREGATIONS
from metrics.store import MetricStore


@dataclass(frozen=True)
class ThresholdResult:
    """One threshold, the value it was held against, and whether it passed."""

    selector: str
    options: ThresholdOptions
    value: float
    passed: bool

    @property
    def source(self) -> str:
        """The expression as the profile has it."""
        return self.options.threshold.source

    def describe(self) -> str:
        """The expression with the value it was held against: ``'p(95)<500' p(95)=2.1``."""
        return f"'{self.source}' {self.options.threshold.aggregation}={self.value:.4g}"


def check_thresholds(profile: Profile, catalog: Mapping[str, Metric]) -> None:
    """Check that each threshold asks something that its metric can answer.

    Raises:
        ConfigError: an unknown metric, or an aggregation that its type does not have.
    """
    for selector, thresholds in profile.thresholds.items():
        name, _ = parse_metric_selector(selector)
        if name not in catalog:
            raise ConfigError(
                f"thresholds.{selector}: no such metric; expected one of {', '.join(sorted(catalog))}"
            )
        metric = catalog[name]
        allowed = AGGREGATIONS[metric.type]
        for one in thresholds:
            asked = "p(N)" if one.threshold.percentile is not None else one.threshold.aggregation
            if asked not in allowed:
                raise ConfigError(
                    f"thresholds.{selector}: {one.threshold.source!r}: a {metric.type} has "
                    f"{', '.join(allowed)}, not {one.threshold.aggregation}"
                )


def evaluate(
    thresholds: Mapping[str, Sequence[ThresholdOptions]],
    store: MetricStore,
    seconds: float,
    *,
    skip_empty: bool = False,
) -> list[ThresholdResult]:
    """Hold every threshold against what has been recorded in ``seconds`` of the run.

    During a run k6 leaves out metrics that have no value yet, and so does ``skip_empty``.
    """
    results = []
    for selector, several in thresholds.items():
        sink = store.sink(selector)
        if skip_empty and sink.is_empty:
            continue
        for one in several:
            value = sink.aggregate(one.threshold.aggregation, seconds)
            results.append(ThresholdResult(selector, one, value, one.threshold.holds(value)))
    return results


def first_to_abort(results: Sequence[ThresholdResult], seconds: float) -> ThresholdResult | None:
    """The first failed threshold that ends the run now, ``seconds`` after its start."""
    for result in results:
        if not result.passed and result.options.abort_on_fail and seconds >= result.options.delay_abort_eval:
            return result
    return None
