"""No secret in anything that a run writes, says or shows."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
import requests

from tests.programs import canaries
from tests.programs.load_test import LoadTest, processes, two_scenarios
from tests.servers.echo_server import EchoServer
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer

SITE_ID, API_KEY = canaries.CREDENTIALS.values()


@pytest.mark.parametrize("demanded_key", [API_KEY, "another key"])
def test_secrets_are_nowhere(tmp_path: Path, demanded_key: str) -> None:
    """With the right key and with a refused one, for errors are where secrets slip out."""
    with StandinServer("--site-id", SITE_ID, "--api-key", demanded_key) as standin:
        test = LoadTest(
            tmp_path,
            "--csv",
            str(tmp_path / "locust"),
            "--html",
            str(tmp_path / "locust.html"),
            "--loglevel",
            "DEBUG",
            profile=two_scenarios([(20, "1s")], start_rate=20),
            env={**canaries.ALL, "CUSTOMERIO_BASE_URL": standin.url},
            # Its title is looked at.
            anew=True,
        )
        test.wait_until(lambda: standin.stats()["requests_total"] >= 10)
        title = " ".join(psutil.Process(test.process.pid).cmdline())
        test.finish()
        expected = {"200": 40} if demanded_key == API_KEY else {"401": 40}
        assert standin.stats()["statuses"] == expected
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"metrics.csv", "summary.json", "settings.json", "stdout.txt", "stderr.txt", "locust.html"} <= {
        path.name for path in files
    }
    assert canaries.hits(title) == []
    assert canaries.hits_below(tmp_path) == []


@pytest.mark.parametrize("client", ["fast", "requests"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(
    tmp_path: Path, client: str, workers: int
) -> None:
    """Not in logs, workers' logs, files or pages; and no control character of its reaches the terminal."""
    port = free_port()
    with EchoServer() as server:
        test = LoadTest(
            tmp_path,
            # Locust's workers send no log any more after 70 lines at a time.
            *("--http-client", client, "--loglevel", "INFO" if workers else "DEBUG", "--web-port", str(port)),
            *("--csv", str(tmp_path / "locust"), *(processes(workers) if workers else [])),
            profile=two_scenarios([(20, "6s")], start_rate=20, vus=4),
            env={**canaries.ALL, "CUSTOMERIO_BASE_URL": server.url},
            headless=False,
        )
        test.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/"))
        # A start without workers is refused.
        test.wait_until(lambda: _workers(port) == workers)
        assert requests.post(f"http://127.0.0.1:{port}/swarm", timeout=10).json()["success"]
        test.wait_until(lambda: server.asked >= 40)
        # A worker's log goes to the page every five seconds.
        test.wait_until(lambda: not workers or "first 4" in _page(port, "logs"))
        pages = [_page(port, name) for name in ("logs", "exceptions", "stats/requests", "")]
        test.signal(signal.SIGINT)
        finished = test.finish()
    assert "first 401 unauthorized: HTTP 401, Location: http://127.0.0.1/\\x9b31m***" in finished.stderr
    assert "first 401" in pages[0] or not workers
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"metrics.csv", "summary.json", "report.html", "stderr.txt"} <= {path.name for path in files}
    assert canaries.hits(*pages) == []
    assert canaries.hits_below(tmp_path) == []
    # On the way to the target are those that sign in, in the one header for them, and no others.
    assert canaries.hits(server.heard_beside_authorization) == []
    assert not {"\x1b", "\x9b"} & set(finished.stderr + finished.stdout + pages[0])


def _page(port: int, name: str) -> str:
    return requests.get(f"http://127.0.0.1:{port}/{name}", timeout=10).text


def _workers(port: int) -> int:
    figures = requests.get(f"http://127.0.0.1:{port}/stats/requests", timeout=10).json()
    return len(figures.get("workers", []))


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.ConnectionError:
        return False
