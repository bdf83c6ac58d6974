"""An account of the other region stops the load test before the first request of a VU."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.customerio.paths import REGION_PATH
from tests.programs.load_test import run_load_test, two_scenarios

QUICK = two_scenarios([(10, "1s")], start_rate=10)
CREDENTIALS = {"CUSTOMERIO_SITE_ID": "site-0123456789", "CUSTOMERIO_API_KEY": "hush-hush-secret"}


class European(BaseHTTPRequestHandler):
    """Answers as the host of either region does for an account in the EU."""

    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        body = json.dumps(
            {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 1}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.paths.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"{}\n")

    do_PUT = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    European.paths = []
    with ThreadingHTTPServer(("127.0.0.1", 0), European) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_another_region_is_one_line_and_nothing_is_sent(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    base_url = f"http://127.0.0.1:{server.server_port}"
    env = {**CREDENTIALS, "CUSTOMERIO_BASE_URL": base_url, "CUSTOMERIO_REGION": "us"}
    finished = run_load_test(tmp_path, profile=QUICK, env=env)
    assert finished.exit_code == 2
    [line] = [line for line in finished.stderr.splitlines() if "error: " in line]
    assert "CUSTOMERIO_REGION: the account is in the region EU, not US; set CUSTOMERIO_REGION=eu" in line
    assert "hush-hush-secret" not in finished.stderr
    assert European.paths == [REGION_PATH]


def test_the_right_region_is_let_pass(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    base_url = f"http://127.0.0.1:{server.server_port}"
    env = {**CREDENTIALS, "CUSTOMERIO_BASE_URL": base_url, "CUSTOMERIO_REGION": "eu"}
    finished = run_load_test(tmp_path, profile=QUICK, env=env)
    assert finished.exit_code == 0, finished.stderr
    assert European.paths[0] == REGION_PATH
    assert len(European.paths) > 10
