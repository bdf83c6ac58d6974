"""What goes through a log becomes the same cells as what is added sample by sample."""

from __future__ import annotations

import random

import pytest
from hdrh.histogram import HdrHistogram

from metrics.catalog import Tags, tags
from metrics.counted import HIGHEST_MICROSECONDS, Counted, record
from metrics.iteration_log import Answers, IterationLog
from metrics.sinks import GaugeSink, TrendSink
from metrics.store import MetricStore

SCENARIO = tags(scenario="a")
CHECK = tags(scenario="a", check="identify status is 200")


def answer_tags(status: int, error: str, version: str) -> Tags:
    optional = {"error": error, "proto": f"HTTP/{version}" if version else ""}
    return tags(
        scenario="a",
        method="PUT",
        name="identify",
        status=str(status),
        expected_response="false" if error else "true",
        **{name: value for name, value in optional.items() if value},
    )


def new_log() -> IterationLog:
    return IterationLog("a", "identify", "PUT", "identify status is 200")


def cells(store: MetricStore) -> dict[tuple[str, Tags], list[float]]:
    return {(cell.metric.name, cell.tags): cell.values for cell in store.fold()}


def test_a_log_gives_the_cells_that_ten_samples_per_iteration_give() -> None:
    by_sample, by_log = MetricStore(["errors"]), MetricStore(["errors"])
    log = new_log()
    by_log.attach(log)
    dice = random.Random(3)
    for _ in range(500):
        status, error, version = dice.choice(
            [(200, "", "1.1"), (200, "", "1.1"), (500, "5xx server error", "1.1"), (0, "timeout", "")]
        )
        lag, duration, late = dice.random(), 10 * dice.random(), dice.random()
        log.start(lag)
        log.answer(status, version, error, duration, late, 3)
        log.end(duration + 1)
        if status == 500:
            log.resent()
            by_sample.add("http_reqs_resent", 1, SCENARIO)
        sample_tags = answer_tags(status, error, version)
        by_sample.add("start_lag", lag, SCENARIO)
        by_sample.add("http_reqs", 1, sample_tags)
        by_sample.add("http_req_duration", duration, sample_tags)
        by_sample.add("http_req_failed", bool(error), sample_tags)
        by_sample.add("identify_duration", duration, sample_tags)
        by_sample.add("identify_duration_from_arrival", duration + late, sample_tags)
        by_sample.add("checks", not error, CHECK)
        by_sample.add("errors", bool(error), SCENARIO)
        by_sample.add("iterations", 1, SCENARIO)
        by_sample.add("iteration_duration", duration + 1, SCENARIO)
    assert cells(by_log) == cells(by_sample)
    assert by_log.by_error == by_sample.by_error
    for selector, _, sink in by_sample.selectors():
        assert _figures(by_log, selector) == _figures(by_sample, selector), selector
        assert not sink.is_empty or by_log.sink(selector).is_empty


def _figures(store: MetricStore, selector: str) -> list[float]:
    sink = store.sink(selector)
    names = ["avg", "min", "max", "count", "p(50)", "p(99)"] if isinstance(sink, TrendSink) else ["rate"]
    return [sink.aggregate(name, 1) for name in names if not isinstance(sink, GaugeSink)]


def test_times_are_when_things_happened_and_in_their_order() -> None:
    store, log = MetricStore(), new_log()
    store.attach(log)
    for status, error in ((200, ""), (500, "5xx server error"), (200, "")):
        log.start(0.1)
        log.answer(status, "1.1", error, 1.0, 0.1, 3)
        log.end(1.0)
    log.check(is_passed=False)
    by_name = {(cell.metric.name, cell.tags): cell for cell in store.fold()}
    checks = by_name["checks", CHECK]
    assert checks.values == [True, False, True, False]
    assert checks.times == sorted(checks.times)
    assert all(len(cell.times) == len(cell.values) for cell in by_name.values())


def test_an_iteration_that_has_no_end_yet_has_its_start_in_the_window_of_the_start() -> None:
    store, log = MetricStore(), new_log()
    store.attach(log)
    log.start(0.5)
    assert cells(store) == {("start_lag", SCENARIO): [0.5]}
    log.end(2000.0)
    assert cells(store) == {
        ("iterations", SCENARIO): [1],
        ("iteration_duration", SCENARIO): [2000.0],
    }
    assert cells(store) == {}


def test_samples_and_a_log_of_the_same_metric_are_one_cell() -> None:
    store, log = MetricStore(), new_log()
    store.attach(log)
    store.add("iterations", 1, SCENARIO)
    log.end(1.0)
    log.end(2.0)
    folded = cells(store)
    assert folded["iterations", SCENARIO] == [1, 1, 1]
    assert folded["iteration_duration", SCENARIO] == [1.0, 2.0]
    assert store.sink("iterations").aggregate("count", 1) == 3


def test_requests_are_handed_on_once_before_their_window_ends_or_when_it_does() -> None:
    heard: list[list[Answers]] = []
    store, log = MetricStore(on_answers=lambda answers: heard.append(list(answers))), new_log()
    store.attach(log)
    list(store.fold())
    log.answer(200, "1.1", "", 1.5, 0.1, 3)
    store.hand_on_answers()
    log.answer(0, "", "timeout", 5000.0, 0.1, 0)
    list(store.fold())
    list(store.fold())
    ((ok,), (failed,)) = heard
    assert (ok.method, ok.name, ok.status, ok.error, ok.durations_ms, ok.lengths) == (
        "PUT",
        "identify",
        "200",
        "",
        [1.5],
        [3],
    )
    assert (failed.status, failed.error, len(failed.times)) == ("0", "timeout", 1)


@pytest.mark.parametrize("spread", [0.1, 1, 3, 6])
def test_values_counted_together_make_the_histogram_that_they_make_one_by_one(spread: float) -> None:
    dice = random.Random(5)
    values = [dice.lognormvariate(0, spread) for _ in range(3000)]
    values += [0.0, -1.0, 0.0004, 2.047, 2.048, 4.096, 3_600_000.0, 1e12]
    together = HdrHistogram(1, HIGHEST_MICROSECONDS, 3)
    record(together, Counted.of(values))
    apart = HdrHistogram(1, HIGHEST_MICROSECONDS, 3)
    for value in values:
        apart.record_value(min(max(0, round(value * 1000)), HIGHEST_MICROSECONDS))
    assert list(together.counts) == list(apart.counts)
    assert (together.total_count, together.min_value, together.max_value) == (
        apart.total_count,
        apart.min_value,
        apart.max_value,
    )
    assert together.encode() == apart.encode()


def test_messages_into_a_queue_have_metrics_of_their_own() -> None:
    store = MetricStore()
    log = IterationLog("a", "queued", "PRODUCE", "queued message is acknowledged", into_queue=True)
    store.attach(log)
    log.answer(0, "", "", 1.5, 0.1, 300)
    log.answer(0, "", "not queued", 2.5, 0.1, 300)
    failed, check = (
        tags(scenario="a", error="not queued"),
        tags(scenario="a", check="queued message is acknowledged"),
    )
    assert cells(store) == {
        ("produced_messages", SCENARIO): [1],
        ("produce_duration", SCENARIO): [1.5],
        ("produced_messages", failed): [1],
        ("produce_duration", failed): [2.5],
        ("checks", check): [True, False],
        ("errors", SCENARIO): [False, True],
    }
    assert store.by_error == {"not queued": 1}
