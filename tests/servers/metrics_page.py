"""A metrics page like a pipeline worker's, on a real port, with the content that a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class MetricsPage:
    """Serves ``/metrics`` from the start of a ``with`` block to its end, or to ``close``.

    Args:
        text: the page, made anew for each reader from the number of the reading, from 0.
        status: the answer's.
    """

    def __init__(self, text: Callable[[int], str], status: int = 200) -> None:
        self.readings = 0
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = text(page.readings).encode()
                page.readings += 1
                self.send_response(status if self.path == "/metrics" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, _format: str, *args: object) -> None:
                """Log nothing: the output is the test's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/metrics"

    def __enter__(self) -> MetricsPage:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def lag_page(*lags: float, first_partition: int = 0, name: str = "customerio_partition_lag") -> str:
    """Return a page with these partition lags among other metrics."""
    lines = [f"# HELP {name} Messages.", f"# TYPE {name} gauge"]
    lines += [
        f'{name}{{partition="{partition}",topic="events"}} {lag}'
        for partition, lag in enumerate(lags, start=first_partition)
    ]
    return "\n".join([*lines, "# TYPE customerio_in_flight gauge", "customerio_in_flight 12.0", ""])
