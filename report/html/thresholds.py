"""The thresholds of a run, as judged by the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.threshold_grammar import parse_expression
from report.run_files import RunFiles


@dataclass(frozen=True)
class Threshold:
    """A threshold: its metric, its text, what was measured and of how many values.

    ``passed`` is ``None`` where nobody judged it; ``measured`` where the summary does not have it.
    """

    metric: str
    source: str
    passed: bool | None
    measured: float | None
    count: int | None
    percentile: float | None
    bound: float

    @property
    def has_no_values(self) -> bool:
        """Whether there was nothing to judge, so that it passed by default."""
        return self.count == 0 and not self.source.startswith("count")


def thresholds_of(run: RunFiles) -> list[Threshold]:
    """A run's thresholds; those of the profile, not judged, where the run has no summary."""
    if run.summary is None:
        planned = run.settings["profile"].get("thresholds", {})
        return [
            _threshold(metric, one["threshold"]["source"], None, {})
            for metric, several in planned.items()
            for one in several
        ]
    return [
        _threshold(metric, source, not failed, figures)
        for metric, figures in run.summary["metrics"].items()
        for source, failed in figures.get("thresholds", {}).items()
    ]


def _threshold(metric: str, source: str, passed: bool | None, figures: Mapping[str, Any]) -> Threshold:
    expression = parse_expression(source)
    name = expression.aggregation
    measured = figures.get("value") if name == "rate" and "passes" in figures else figures.get(name)
    count = figures.get("count")
    if "passes" in figures:
        count = figures["passes"] + figures["fails"]
    return Threshold(metric, source, passed, measured, count, expression.percentile, expression.bound)
