"""The metrics' names, values and bounds, as a scraper reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pipeline.limiter.interface import LimiterStats
from pipeline.monitoring.metrics import PipelineMetrics

STATS = LimiterStats(
    running=3, queued=7, done=41, tokens_left=12, requests_allowed=60, throttled=2, shared=True
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(metrics: PipelineMetrics) -> dict[tuple[str, ...], float]:
    """Every sample: its name, with its labels' values in the order of their names, to its value."""
    body, _ = metrics.render("")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_what_happens_is_counted_by_its_kind() -> None:
    metrics = PipelineMetrics()
    metrics.count_consumed("events", 3, 5)
    metrics.count_consumed("events", 3)
    metrics.count_delivered("track", 0.2)
    metrics.count_dead_letter("too_large")
    metrics.count_retry(429)
    metrics.count_retry("timeout")
    metrics.observe_request(207, 0.03)
    metrics.observe_request("connection", 1.0)
    metrics.set_in_flight(200)
    metrics.set_buffered(30)
    samples = scrape(metrics)
    assert samples["customerio_consumed_total", "3", "events"] == 6
    assert samples["customerio_delivered_total", "track"] == 1
    assert samples["customerio_dead_letters_total", "too_large"] == 1
    assert samples["customerio_retries_total", "429"] == samples["customerio_retries_total", "timeout"] == 1
    assert samples["customerio_requests_total", "207"] == 1
    assert samples["customerio_requests_total", "connection"] == 1
    assert samples[("customerio_request_seconds_count",)] == 2
    assert samples[("customerio_in_flight",)] == 200
    assert samples[("customerio_buffered",)] == 30


def test_known_series_are_there_at_zero_before_anything_happens() -> None:
    samples = scrape(PipelineMetrics())
    for kind in ("identify", "track"):
        assert samples["customerio_delivered_total", kind] == 0
    for reason in ("429", "503", "timeout", "connection"):
        assert samples["customerio_retries_total", reason] == 0


def test_delivery_times_are_told_apart_from_10_ms_to_an_hour() -> None:
    metrics = PipelineMetrics()
    for seconds in (0.01, 3600.0, 3601.0):
        metrics.count_delivered("identify", seconds)
    samples = scrape(metrics)
    assert samples["customerio_delivery_seconds_bucket", "0.01"] == 1
    assert samples["customerio_delivery_seconds_bucket", "1800.0"] == 1
    assert samples["customerio_delivery_seconds_bucket", "3600.0"] == 2
    assert samples["customerio_delivery_seconds_bucket", "+Inf"] == 3


def test_a_message_from_the_future_took_no_time() -> None:
    metrics = PipelineMetrics()
    metrics.count_delivered("identify", -4.0)
    assert scrape(metrics)[("customerio_delivery_seconds_sum",)] == 0


def test_the_lag_of_a_partition_goes_with_the_partition() -> None:
    metrics = PipelineMetrics()
    metrics.count_consumed("events", 1)
    metrics.set_lag("events", 1, 90)
    metrics.set_lag("events", 2, 10)
    metrics.forget_partition("events", 1)
    metrics.forget_partition("events", 7)
    samples = scrape(metrics)
    assert {key: value for key, value in samples.items() if key[0] == "customerio_partition_lag"} == {
        ("customerio_partition_lag", "2", "events"): 10
    }
    assert samples["customerio_consumed_total", "1", "events"] == 1


def test_the_limiter_is_read_at_each_scrape_and_not_before() -> None:
    now: list[LimiterStats] = []
    metrics = PipelineMetrics(lambda: now[-1])
    now.append(STATS)
    samples = scrape(metrics)
    assert samples[("customerio_limiter_running",)] == 3
    assert samples[("customerio_limiter_queued",)] == 7
    assert samples[("customerio_limiter_tokens_left",)] == 12
    assert samples[("customerio_limiter_requests_allowed",)] == 60
    assert samples[("customerio_limiter_shared",)] == 1
    assert samples[("customerio_limiter_done_total",)] == 41
    assert samples[("customerio_limiter_throttled_total",)] == 2
    now.append(replace(STATS, shared=False, running=0))
    samples = scrape(metrics)
    assert samples[("customerio_limiter_shared",)] == samples[("customerio_limiter_running",)] == 0


@pytest.mark.parametrize("count", ["count_dead_letter", "count_retry"])
def test_words_of_others_cannot_make_series_without_end(count: str) -> None:
    metrics = PipelineMetrics()
    for number in range(500):
        getattr(metrics, count)(f"word{number}")
    getattr(metrics, count)("a reason of many words: someone@example.com")
    name = {"count_dead_letter": "customerio_dead_letters_total", "count_retry": "customerio_retries_total"}[
        count
    ]
    series = {key[1]: value for key, value in scrape(metrics).items() if key[0] == name}
    assert len(series) <= 51
    assert sum(series.values()) == 501
    assert "@" not in "".join(series)


def test_two_of_them_share_nothing() -> None:
    counted, other = PipelineMetrics(), PipelineMetrics()
    counted.count_delivered("track", 1.0)
    assert scrape(other)["customerio_delivered_total", "track"] == 0


def test_names_keep_to_what_prometheus_asks_for() -> None:
    body, _ = PipelineMetrics(lambda: STATS).render(OPENMETRICS)
    families = openmetrics.text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    for family in families:
        assert family.documentation.endswith(".") or family.name.startswith("process_")
        assert not family.name.endswith(("_ms", "_milliseconds"))
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_the_format_is_the_one_that_the_scraper_asks_for() -> None:
    metrics = PipelineMetrics()
    assert metrics.render("")[1].startswith("text/plain")
    body, content_type = metrics.render(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
