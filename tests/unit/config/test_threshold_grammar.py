"""Threshold expressions and metric selectors in k6's grammar."""

from __future__ import annotations

import pytest

from config.threshold_grammar import parse_expression, parse_metric_selector


@pytest.mark.parametrize(
    ("source", "aggregation", "bound", "good", "bad"),
    [
        ("rate<0.01", "rate", 0.01, 0.0, 0.01),
        ("p(95)<500", "p(95)", 500, 499.9, 500),
        ("p95<500", "p(95)", 500, 0, 501),
        (" p(99.9) <= 10 ", "p(99.9)", 10, 10, 10.1),
        ("count>=100", "count", 100, 100, 99),
        ("avg>1", "avg", 1, 2, 1),
        ("value==0", "value", 0, 0, 1),
        ("max===-1", "max", -1, -1, 1),
        ("med!=3", "med", 3, 4, 3),
    ],
)
def test_an_expression_holds_or_not(
    source: str, aggregation: str, bound: float, good: float, bad: float
) -> None:
    expression = parse_expression(source)
    assert (expression.aggregation, expression.bound) == (aggregation, bound)
    assert expression.holds(good)
    assert not expression.holds(bad)


@pytest.mark.parametrize(
    "source", ["", "p(95)", "<5", "p(95)<", "p(95)<five", "p(101)<1", "mean<3", "rate=<1", "p()<1"]
)
def test_anything_else_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="expected a threshold such as"):
        parse_expression(source)


def test_a_selector_is_a_metric_with_or_without_tags() -> None:
    assert parse_metric_selector("errors") == ("errors", {})
    assert parse_metric_selector("track_duration{status:200, scenario:'x'}") == (
        "track_duration",
        {"status": "200", "scenario": "x"},
    )


@pytest.mark.parametrize("source", ["", "a b", "a{b}", "a{b:}", "a{:b}", "a{b:c", "{b:c}"])
def test_other_selectors_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_metric_selector(source)
