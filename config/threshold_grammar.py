"""k6's threshold expressions: ``rate<0.01``, ``p(95)<500`` (also written ``p95<500``), ``count>=100``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from config.shown import shown

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
}
_EXPRESSION = re.compile(
    r"\s*(?:(?P<name>avg|min|max|med|count|rate|value)|p\((?P<p>\d+(?:\.\d+)?)\)|p(?P<bare_p>\d+(?:\.\d+)?))"
    r"\s*(?P<operator><=|>=|===|==|!=|<|>)\s*(?P<bound>-?\d+(?:\.\d+)?)\s*"
)
_UNIT = re.compile(r"\d(?:ms|s|%)$")
_METRIC = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\{(?P<tags>[^{}]*)\})?")


@dataclass(frozen=True)
class ThresholdExpression:
    """``aggregation operator bound``, such as ``p(95) < 500``. ``source`` is the text that the user wrote."""

    source: str
    aggregation: str
    operator: str
    bound: float

    @property
    def percentile(self) -> float | None:
        """Return N of the aggregation ``p(N)``, or ``None`` for another aggregation."""
        return float(self.aggregation[2:-1]) if self.aggregation.startswith("p(") else None

    def holds(self, value: float) -> bool:
        """Whether an aggregated value satisfies the threshold."""
        return _OPERATORS[self.operator](value, self.bound)


def parse_expression(source: str) -> ThresholdExpression:
    """Parse one threshold expression.

    Raises:
        ValueError: the text is not in the grammar, or its percentile is above 100.
    """
    match = _EXPRESSION.fullmatch(source)
    percentile = (match["p"] or match["bare_p"]) if match else None
    if match is None or (percentile is not None and float(percentile) > 100):
        hint = (
            "; bounds have no unit: a Trend is in ms, a rate from 0 to 1" if _UNIT.search(source[-3:]) else ""
        )
        raise ValueError(
            f"expected a threshold such as 'p(95)<500' or 'rate<0.01', got {shown(source)}{hint}"
        )
    aggregation = match["name"] or f"p({percentile})"
    return ThresholdExpression(source, aggregation, match["operator"], float(match["bound"]))


def parse_metric_selector(source: str) -> tuple[str, dict[str, str]]:
    """Split ``track_duration{status:200,scenario:x}`` into the metric's name and the tags of the sub-metric.

    Raises:
        ValueError: the text does not have that form.
    """
    match = _METRIC.fullmatch(source.strip())
    if match is None:
        raise ValueError(
            f"expected a metric such as 'errors' or 'track_duration{{status:200}}', got {shown(source)}"
        )
    tags: dict[str, str] = {}
    for pair in filter(None, (match["tags"] or "").split(",")):
        key, colon, value = pair.partition(":")
        if not (colon and key.strip() and value.strip()):
            raise ValueError(f"expected tags such as '{{status:200}}', got {shown(source)}")
        tags[key.strip()] = value.strip().strip("'\"")
    return match["name"], tags
