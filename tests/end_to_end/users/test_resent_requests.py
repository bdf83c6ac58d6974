"""A server that closes a kept connection just as a request goes out costs no request, and is counted."""

from __future__ import annotations

import socketserver
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.programs.load_test import run_load_test, two_scenarios

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}\n"


class ClosingServer(socketserver.ThreadingTCPServer):
    """Answers the first request of each connection, and closes on the second; ``closed`` has when."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.closed: list[float] = []


class _Connection(socketserver.StreamRequestHandler):
    server: ClosingServer

    def handle(self) -> None:
        if self._has_read_request():
            self.wfile.write(_ANSWER)
            if self._has_read_request():
                self.server.closed.append(time.monotonic())

    def _has_read_request(self) -> bool:
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return bool(length and self.rfile.read(length))


@contextmanager
def serving() -> Iterator[ClosingServer]:
    with ClosingServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_requests_sent_once_more_are_counted(tmp_path: Path) -> None:
    with serving() as server:
        finished = run_load_test(
            tmp_path,
            # The other client cannot.
            *("--http-client", "fast", "--resend-post"),
            profile=two_scenarios([(20, "1s")], start_rate=20, vus=2, more=""),
            env={"CUSTOMERIO_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}"},
        )
    closed = len(server.closed)
    metrics = finished.summary["metrics"]
    started = sum(ledger["started"] for ledger in finished.summary["ledger"].values())
    # All but the first request of each of the 4 VUs met a connection that closed.
    assert closed >= max(1, started - 4)
    assert metrics["http_reqs_resent"]["count"] == closed
    assert metrics["http_reqs"]["count"] == metrics["iterations"]["count"] == started
    assert metrics["http_req_failed"]["passes"] == 0
    rows = [row for row in finished.rows if row["metric"] == "http_reqs_resent"]
    assert sum(int(row["value"]) for row in rows) == closed
    assert {row["scenario"] for row in rows} <= {"identify_load", "track_load"}
    assert "http_reqs_resent" in finished.stdout
