"""The watch over the queue: pages added up, pages that go away, and addresses that are none."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load_settings
from engine.cluster.remote_workers import RemoteWorkers
from metrics.csv_output import CsvOutput
from run.arguments import Arguments
from run.cpu_meter import CpuMeter
from run.preparation import prepare
from run.queue_watch import QueueWatch, check_queue_metrics
from run.run import Run, RunIdentity
from run.run_clock import RunClock
from tests.programs.load_test import read_rows
from tests.servers.metrics_page import MetricsPage, lag_page
from users.identify import IdentifyUser
from users.kinds import Kinds
from users.track import TrackUser


def test_the_backlog_is_that_of_all_partitions_on_all_pages() -> None:
    with (
        MetricsPage(lambda reading: lag_page(10, 20 + reading)) as one,
        MetricsPage(lambda reading: lag_page(5 - 5 * reading, first_partition=2)) as two,
    ):
        watch = QueueWatch([one.url, two.url])
        assert watch.take() == 35
        assert watch.take() is None
        watch.stop()
        assert watch.take() == 31
    assert watch.notes == []
    assert (watch.figures.start, watch.figures.peak, watch.figures.end) == (35, 35, 31)
    assert (watch.figures.readings, watch.figures.failed) == (2, 0)


def test_a_partition_that_moved_from_a_dead_worker_to_another_counts_once() -> None:
    dying = MetricsPage(lambda reading: lag_page(100))
    with dying, MetricsPage(lambda reading: lag_page(*[130] * reading)) as heir:
        watch = QueueWatch([dying.url, heir.url])
        assert watch.take() == 100
        dying.close()
        watch.stop()
        assert watch.take() == 130


def test_a_page_that_goes_away_is_said_once_and_counted_and_keeps_what_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = MetricsPage(lambda reading: lag_page(100))
    with page, caplog.at_level(logging.WARNING, "customerio_load"):
        watch = QueueWatch([page.url])
        assert watch.take() == 100
        page.close()
        for _ in range(3):
            watch.stop()
        assert watch.take() is None
    assert [record.message for record in caplog.records] == [
        f"--queue-metrics: {page.url} cannot be reached; the run goes on"
    ]
    assert watch.notes == [f"--queue-metrics: {page.url} could not be read 3 of 4 times"]
    assert (watch.figures.end, watch.figures.failed) == (100, 3)


def test_the_master_of_workers_writes_it_as_a_single_process_does(tmp_path: Path) -> None:
    arguments = Arguments("smoke", 1.0, tmp_path, allow_live=False, people_seed=0)
    kinds = Kinds([IdentifyUser, TrackUser], [IdentifyUser])
    preparation = prepare(arguments, load_settings({}), None, kinds)
    with MetricsPage(lambda reading: lag_page(10 + 90 * reading)) as page:
        clock, store = RunClock(), preparation.new_store()
        run = Run(
            RunIdentity("r1", tmp_path, {}),
            preparation,
            RemoteWorkers(preparation, store, clock),
            store,
            clock,
            [CsvOutput(tmp_path / "metrics.csv")],
            CpuMeter(),
            queue_watch=QueueWatch([page.url]),
        )
        run.start(time.monotonic())
        assert next(run.seconds()) == 1
        run.end_seconds()
        report = run.finish()
    assert report.queue is not None
    assert (report.queue.start, report.queue.end) == (10, 100)
    rows = [row for row in read_rows(tmp_path) if row["metric"] == "queue_backlog"]
    assert [(row["second"], row["value"]) for row in rows] == [("0", "10"), ("1", "100")]


def test_what_cannot_be_read_at_the_start_is_a_mistake() -> None:
    with MetricsPage(lambda reading: lag_page(1), status=503) as page:
        with pytest.raises(ConfigError, match=r"--queue-metrics: http://.* answers HTTP 503"):
            QueueWatch([page.url])
        with pytest.raises(ConfigError, match="answers HTTP 404"):
            QueueWatch([page.url.removesuffix("metrics")])
    with pytest.raises(ConfigError, match="cannot be reached"):
        QueueWatch([page.url])
    with (
        MetricsPage(lambda reading: "x" * 5_000_000) as page,
        pytest.raises(ConfigError, match="is larger than 4 MB"),
    ):
        QueueWatch([page.url])


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n" + b"#" * 10_000])
def test_a_page_that_never_comes_to_an_end_is_given_up(answer: bytes) -> None:
    """Without an answer at all, and a byte at a time."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                for start in range(len(answer)):
                    connection.sendall(answer[start : start + 1])
                    time.sleep(0.005)
                connection.recv(10_000)
                connection.recv(1)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/metrics"
        with pytest.raises(ConfigError, match=r"takes longer than 0\.3 s"):
            QueueWatch([url], timeout_seconds=0.3)
        thread.join()


def test_workers_and_an_exporter_at_once_would_count_twice() -> None:
    with (
        MetricsPage(lambda reading: lag_page(1)) as worker,
        MetricsPage(lambda reading: lag_page(1, name="kafka_consumergroup_lag")) as exporter,
        pytest.raises(ConfigError, match="not of both"),
    ):
        QueueWatch([worker.url, exporter.url])


@pytest.mark.parametrize(
    "url",
    ["worker:9464", "ftp://worker/metrics", "http://", "http://w:99999/metrics", "http://w/metrics?token=x"],
)
def test_what_is_no_address_is_refused_without_a_connection(url: str) -> None:
    with pytest.raises(ConfigError, match=r"--queue-metrics: expected http\(s\)://host\[:port\]/metrics"):
        check_queue_metrics([url])


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        check_queue_metrics(["http://me:hush@worker:9464/metrics"])
    assert "hush" not in str(caught.value)
