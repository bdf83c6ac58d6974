"""The store folds every value once into all it belongs to; thresholds are held against that."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.profile import Profile, parse_profile, read_profile
from config.threshold_grammar import ThresholdExpression
from metrics.catalog import CATALOG, tags
from metrics.store import MetricStore
from metrics.thresholds import check_metric, check_threshold, evaluate, first_to_abort

OK = tags(scenario="a", status="200", expected_response="true")
FAILED = tags(scenario="a", status="500", expected_response="false", error="5xx server error")


class Checks:
    """What a run of our own kinds of user checks."""

    def check_user(self, user: str) -> None:
        assert user == "identify"

    def check_metric(self, name: str) -> None:
        check_metric(name, CATALOG)

    def check_threshold(self, selector: str, expression: ThresholdExpression) -> None:
        check_threshold(selector, expression, CATALOG)


def profile_with(thresholds: str, tmp_path: Path) -> Profile:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[scenarios.a]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\npre_allocated_vus = 1\n'
        'stages = [{ target = 1, duration = "1s" }]\n[thresholds]\n' + thresholds
    )
    return parse_profile(read_profile(str(path)), Checks())


def filled(selectors: list[str]) -> MetricStore:
    store = MetricStore(selectors)
    for value in range(1, 101):
        store.add("track_duration", value, OK)
    store.add("track_duration", 9_000, FAILED)
    store.add("http_reqs", 1, FAILED)
    store.add("errors", True, tags(scenario="a"))
    store.add("errors", False, tags(scenario="a"))
    store.add("checks", True, tags(scenario="a", check="is 200"))
    store.add("checks", False, tags(scenario="a", check="is 200"))
    list(store.fold())
    return store


def test_nothing_is_aggregated_before_it_is_folded_and_nothing_twice() -> None:
    store = MetricStore()
    store.add("http_reqs", 1, OK)
    assert store.sink("http_reqs").aggregate("count", 1) == 0
    assert [cell.values for cell in store.fold()] == [[1]]
    assert list(store.fold()) == []
    assert store.sink("http_reqs").aggregate("count", 1) == 1


def test_what_is_added_while_folding_belongs_to_the_next_window() -> None:
    store = MetricStore()
    store.add("http_reqs", 1, OK)
    for _ in store.fold():
        store.add("http_reqs", 1, OK)
    assert store.sink("http_reqs").aggregate("count", 1) == 1
    assert len(list(store.fold())) == 1


def test_a_sub_metric_takes_only_values_with_its_tags() -> None:
    store = filled(["track_duration{status:200}"])
    assert store.trend("track_duration").count == 101
    assert store.trend("track_duration{status:200}").count == 100
    assert store.trend("track_duration{status:200}").max == 100


def test_failures_are_counted_by_kind_and_checks_by_name() -> None:
    store = filled([])
    assert store.by_error == {"5xx server error": 1}
    assert (store.by_check["is 200"].passes, store.by_check["is 200"].fails) == (1, 1)


def test_thresholds_on_metrics_and_sub_metrics_pass_or_fail(tmp_path: Path) -> None:
    profile = profile_with(
        'errors = ["rate<0.5", "rate<=0.5"]\ntrack_duration = ["p(100)<500", "p95<500"]\n'
        '"track_duration{status:200}" = ["max<=100"]\nhttp_reqs = ["count>=1"]\n',
        tmp_path,
    )
    results = evaluate(profile.thresholds, filled(["track_duration{status:200}"]), seconds=10)
    assert [(result.selector, result.source, result.passed) for result in results] == [
        ("errors", "rate<0.5", False),
        ("errors", "rate<=0.5", True),
        ("track_duration", "p(100)<500", False),
        ("track_duration", "p95<500", True),
        ("track_duration{status:200}", "max<=100", True),
        ("http_reqs", "count>=1", True),
    ]


@pytest.mark.parametrize(
    ("thresholds", "outcome", "told"),
    [
        ('identify_duration = ["p(95)<500"]', "no samples", "'p(95)<500' no samples"),
        ('identify_duration = ["p(95)>0"]', "failed", "'p(95)>0' no samples"),
        ('"errors{scenario:x}" = ["rate<0.01"]', "no samples", "'rate<0.01' no samples"),
        ('queue_backlog = ["value<10"]', "no samples", "'value<10' no samples"),
        ('identify_duration = ["count==0"]', "passed", "'count==0' count=0"),
        ('dropped_iterations = ["count<1"]', "passed", "'count<1' count=0"),
        ('track_duration = ["p(95)<500"]', "passed", "'p(95)<500' p(95)=96.1ms"),
    ],
)
def test_a_threshold_without_samples_says_so_and_is_held_to_zero(
    tmp_path: Path, thresholds: str, outcome: str, told: str
) -> None:
    profile = profile_with(thresholds + "\n", tmp_path)
    (result,) = evaluate(profile.thresholds, filled([*profile.thresholds]), seconds=10)
    assert (result.outcome, result.describe()) == (outcome, told)
    assert result.passed == (outcome != "failed")


def test_only_a_failed_threshold_that_aborts_ends_the_run_and_only_after_its_delay(tmp_path: Path) -> None:
    profile = profile_with(
        'errors = ["rate<0.1", { threshold = "rate<0.2", abort_on_fail = true, delay_abort_eval = "5s" }]\n',
        tmp_path,
    )
    results = evaluate(profile.thresholds, filled([]), seconds=10)
    assert first_to_abort(results, 4.9) is None
    aborting = first_to_abort(results, 5)
    assert aborting is not None
    assert aborting.describe() == "'rate<0.2' rate=50%"


@pytest.mark.parametrize(
    ("thresholds", "problem"),
    [
        ('eror = ["rate<0.1"]', "thresholds.eror: no such metric; did you mean errors?"),
        ('queue_age = ["max<1"]', "thresholds.queue_age: no such metric; expected one of checks, "),
        ('errors = ["p(95)<1"]', "thresholds.errors.0: 'p(95)<1': a rate has rate, not p(95)"),
        ('http_reqs = ["avg<1"]', "a counter has count, rate, not avg"),
    ],
)
def test_a_threshold_that_cannot_be_answered_is_refused(
    tmp_path: Path, thresholds: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        profile_with(thresholds, tmp_path)
    assert problem in str(caught.value)
