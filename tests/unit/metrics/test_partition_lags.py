"""Lags from a page of metrics: what counts, what does not, and what is no such page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.queue_backlog import QueueFigures, dead_letters, partition_lags
from pipeline.monitoring.metrics import PipelineMetrics
from tests.servers.metrics_page import lag_page


def test_every_partition_counts_by_its_name_and_labels() -> None:
    assert partition_lags(lag_page(5, 7.0)) == {
        'customerio_partition_lag{partition="0",topic="events"}': 5,
        'customerio_partition_lag{partition="1",topic="events"}': 7,
    }


def test_a_page_of_a_kafka_exporter_is_read_too() -> None:
    page = (
        'kafka_consumergroup_lag{consumergroup="w",partition="0",topic="e"} 1.2e+03 1764000000000\r\n'
        'kafka_consumergroup_lag{consumergroup="w",partition="1",topic="e"} -1\r\n'
        'kafka_consumergroup_lag_sum{consumergroup="w",topic="e"} 1200\r\n'
    )
    # -1 is a partition of which the exporter knows no lag.
    assert list(partition_lags(page).values()) == [1200, 0]


def test_a_worker_without_a_partition_has_no_lag() -> None:
    assert partition_lags(lag_page()) == {}
    assert partition_lags(PipelineMetrics().render("")[0].decode()) == {}


@given(
    st.dictionaries(
        st.tuples(st.text(st.characters(codec="utf-8")), st.integers(0, 999)),
        st.integers(0, 10**12),
        max_size=5,
    ),
    st.sampled_from(["", "application/openmetrics-text;version=1.0.0"]),
)
def test_what_the_pipelines_own_page_says_is_read_whatever_the_topics_are_called(
    lags: dict[tuple[str, int], int], accept: str
) -> None:
    metrics = PipelineMetrics()
    for (topic, partition), lag in lags.items():
        metrics.set_lag(topic, partition, lag)
    page = metrics.render(accept)[0].decode()
    assert sorted(partition_lags(page).values()) == sorted(lags.values())


@pytest.mark.parametrize(
    "line",
    [
        'customerio_partition_lag{topic="events"} NaN',
        'customerio_partition_lag{topic="events"} +Inf',
        'customerio_partition_lag{topic="events"} many',
        'customerio_partition_lag{topic="events"}',
        'customerio_partition_lag{topic="even',
        "customerio_partition_lag 1 2 3",
    ],
)
def test_a_damaged_line_is_not_guessed_at(line: str) -> None:
    with pytest.raises(ValueError, match="has a line that is no lag: 'customerio_partition_lag"):
        partition_lags(f"{lag_page(1)}{line}\n")


@pytest.mark.parametrize(
    "page",
    ["", "<html>Sign in</html>", "customerio_partition_lag_max 3\nup 1\n", "# customerio_partition_lag"],
)
def test_another_page_is_none(page: str) -> None:
    with pytest.raises(ValueError, match="has no customerio_partition_lag or kafka_consumergroup_lag"):
        partition_lags(page)


def test_figures_make_one_line() -> None:
    figures = QueueFigures(start=3, peak=1200000, end=900, readings=5, failed=0)
    assert figures.line == "Queue backlog: 3 at the start, 1200000 at its peak, 900 at the end"


def test_dead_letters_are_those_of_all_causes_and_none_without_any() -> None:
    name = "customerio_dead_letters_total"
    page = f'# TYPE {name} counter\n{name}{{cause="refused"}} 3.0\n{name}{{cause="not_json"}} 4.0\n'
    assert dead_letters(page + "customerio_dead_letters_created 1.0\n") == 7
    assert dead_letters("") == 0
