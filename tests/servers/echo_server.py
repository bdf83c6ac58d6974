"""A server that refuses everything and repeats what it was sent, in every place of an answer."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_RED = "\x1b[31m"
# The same in one character: a strict client refuses ESC in a header, and this is allowed there.
_RED_IN_HEADER = "\x9b31m"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        authorization = self.headers.get("Authorization", "")
        others = [f"{name}: {value}" for name, value in self.headers.items() if name != "Authorization"]
        # Requests are answered by threads of their own, and to append is one step.
        self.server.heard.append(f"{self.requestline} {others}".encode() + content)
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        body = f"{self.headers}{_RED}{pair} {authorization.removeprefix('Basic ')}".encode()
        self.server.asked += 1
        # Each status is logged once: all of them in turn.
        status = (500, 302, 429, 401, 400)[self.server.asked % 5]
        self.send_response_only(status, authorization)
        self.send_header("Location", f"http://127.0.0.1/{_RED_IN_HEADER}{pair}/{authorization}")
        self.send_header("Retry-After", f"{_RED_IN_HEADER}{authorization}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.server.answers_reads:
            self.do_PUT()
        else:
            self.send_error(501)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    do_POST = do_PUT  # noqa: N815 - the name that http.server looks for


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    asked = 0
    heard: list[bytes]
    answers_reads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a load test that ends resets its connections."""


class EchoServer:
    """Answers with 302, 400, 401, 429 and 500 in turn; ``asked`` counts the requests.

    Args:
        answers_reads: whether a GET is answered in the same way; otherwise with 501.
    """

    def __init__(self, *, answers_reads: bool = False) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.answers_reads = answers_reads
        self._server.heard = []
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def asked(self) -> int:
        """How many requests it has had."""
        return self._server.asked

    @property
    def heard_beside_authorization(self) -> bytes:
        """All that was sent to it: targets, bodies, and headers but ``Authorization``."""
        return b"".join(self._server.heard)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
