"""Messages followed from the queue to a real stand-in. The test itself is the worker that delivers them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import requests

from config.errors import ConfigError
from config.queue_message import encode_message, identify_message
from metrics.sinks import TrendSink
from metrics.store import MetricStore
from run.queue_watch import QueueWatch
from run.queued.acceptances import Acceptances
from run.queued.delivery_watch import DeliveryWatch
from run.queued.file_queue import FileQueue
from run.queued.topic_queue import TopicQueue
from tests.servers.metrics_page import MetricsPage, lag_page
from tests.servers.standin_server import StandinServer
from users.message_queue import ID_ATTRIBUTE, QueuedMessage


@pytest.fixture(scope="module")
def standin() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


def message(number: int, instant: float) -> QueuedMessage:
    content = identify_message(f"person-{number}", {ID_ATTRIBUTE: f"m{number}"})
    return QueuedMessage(f"m{number}", "a", instant, encode_message(content))


def deliver(standin: StandinServer, *numbers: int) -> None:
    for number in numbers:
        url = f"{standin.url}/api/v1/customers/person-{number}"
        answer = requests.put(url, json={ID_ATTRIBUTE: f"m{number}"}, auth=("site", "key"), timeout=10)
        assert answer.status_code == 200


def open_watch(standin: StandinServer, folder: Path, pages: QueueWatch | None = None) -> DeliveryWatch:
    """Return a watch whose first message has been delivered."""
    acceptances = Acceptances(standin.url, None)
    watch = DeliveryWatch(FileQueue(folder / "queue"), acceptances, None, pages, 0.2, page_seconds=0)
    delivering = gevent.spawn(_deliver_first, standin, folder / "queue")
    assert watch.warm_up(message(0, 0.0), 20) is None
    delivering.join()
    return watch


def _deliver_first(standin: StandinServer, queue: Path) -> None:
    while not queue.stat().st_size:
        gevent.sleep(0.01)
    deliver(standin, 0)


def test_each_message_is_in_one_place_of_the_ledger(standin: StandinServer, tmp_path: Path) -> None:
    store, watch = MetricStore(), open_watch(standin, tmp_path)
    is_over = False
    faults: list[str] = []
    watch.start(store, lambda: is_over, faults.append)
    begun = time.monotonic()
    for number in range(1, 5):
        watch.put(message(number, begun), 1)
    assert dict(watch.take_gauges())["queue_backlog"] == 4
    deliver(standin, 1, 2)
    deliver(standin, 2)
    delivered_by = time.monotonic()
    with gevent.Timeout(10):
        while watch.backlog != 2:
            gevent.sleep(0.01)
    assert not watch.is_over, "the schedule is going on"
    ages = [time.monotonic() - begun]
    gauges = dict(watch.take_gauges())
    ages += [gauges["queue_oldest_age"] / 1000, time.monotonic() - begun]
    assert gauges["queue_backlog"] == 2
    assert ages == sorted(ages)
    is_over = True
    with gevent.Timeout(10):
        while not watch.is_over:
            gevent.sleep(0.01)
    watch.stop(store)
    watch.close()

    figures = watch.figures(started=4)
    assert (figures.delivered, figures.repeated) == (2, 1)
    # Nobody says what the queue has: what has no result is taken for queued.
    assert (figures.still_queued, figures.lost, figures.not_produced) == (2, 0, 0)
    assert figures.adds_up
    assert not watch.figures(started=5).adds_up
    assert (figures.backlog_peak, figures.drain_after_end_seconds) == (4, None)
    assert "2 messages were still queued" in watch.notes[0]
    assert faults == []
    list(store.fold())
    trend = store.trend("delivery_duration")
    assert isinstance(trend, TrendSink)
    assert trend.aggregate("count", 1) == 2
    assert 0 < trend.aggregate("max", 1) <= (delivered_by - begun) * 1000


def test_what_the_workers_pages_say_tells_the_queued_from_the_lost(
    standin: StandinServer, tmp_path: Path
) -> None:
    dead = 'customerio_dead_letters_total{cause="refused"} '
    with MetricsPage(lambda reading: lag_page(3 - reading) + f"{dead}{7 + reading}.0\n") as page:
        pages = QueueWatch([page.url])
        store, watch = MetricStore(), open_watch(standin, tmp_path, pages)
        for number in range(1, 6):
            watch.put(message(number, time.monotonic()), 1)
        deliver(standin, 1)
        watch.start(store, lambda: True, pytest.fail)
        with gevent.Timeout(10):
            while not watch.is_over:
                gevent.sleep(0.01)
        pages.stop()
        pages.take()
        watch.stop(store)
        watch.close()
    # Two are in the queue and one was dead-lettered since the start, as the page says: one is missing.
    figures = watch.figures(started=5)
    assert (figures.delivered, figures.dead_letters, figures.still_queued, figures.lost) == (1, 1, 2, 1)
    assert figures.replicas == 1
    assert figures.adds_up


def test_a_target_that_is_no_stand_in_is_a_mistake() -> None:
    expected = pytest.raises(ConfigError, match="expected a stand-in as the target")
    with MetricsPage(lambda reading: "") as page, expected:
        Acceptances(page.url.removesuffix("/metrics"), None).begin()


def test_nobody_who_delivers_is_a_mistake(standin: StandinServer, tmp_path: Path) -> None:
    watch = DeliveryWatch(FileQueue(tmp_path / "queue"), Acceptances(standin.url, None), None, None, 1)
    assert watch.warm_up(message(0, 0.0), 0.3) == "a first message was not accepted within 0.3 s"
    watch.close()


def test_a_broker_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the broker at 127\.0\.0\.1:1 can't be reached"):
        TopicQueue({"KAFKA_BROKERS": "127.0.0.1:1"}, tmp_path / "producer.log")
