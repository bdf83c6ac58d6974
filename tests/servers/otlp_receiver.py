"""A receiver of OpenTelemetry metrics on a real port: it decodes what it gets with the official package."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

Answer = tuple[int, dict[str, str], bytes]


class OtlpReceiver:
    """Receives from the start of a ``with`` block to its end.

    Args:
        answer: gives the answer to the export of a number, from 0; without it all are accepted. What is
            answered otherwise than with 200 is not kept.
    """

    def __init__(self, answer: Callable[[int], Answer] = lambda number: (200, {}, b"")) -> None:
        self.exports: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.requests = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number, receiver.requests = receiver.requests, receiver.requests + 1
                status, headers, content = answer(number) if self.path == "/v1/metrics" else (404, {}, b"")
                if status == 200:
                    receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                    receiver.exports.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, _format: str, *args: object) -> None:
                """Log nothing: the output is the test's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def points(self, name: str) -> list[tuple[dict[str, str], Any]]:
        """Return the tags and the data point of each series of a metric, from the last export."""
        return [
            ({pair.key: pair.value.string_value for pair in point.attributes}, point)
            for metric in self._last_metrics()
            if metric.name == name
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]

    def total(self, name: str, **tags: str) -> float:
        """Return the sum of a metric over the series with these tags: a counter's values, a Trend's count."""
        values: list[float] = [
            point.count if hasattr(point, "count") else point.as_int or point.as_double
            for found, point in self.points(name)
            if tags.items() <= found.items()
        ]
        return sum(values)

    def kind(self, name: str) -> str:
        """Return the kind of a metric: ``sum``, ``gauge``, ``histogram`` or ``exponential_histogram``."""
        (kind,) = {metric.WhichOneof("data") for metric in self._last_metrics() if metric.name == name}
        return str(kind)

    def resource(self) -> dict[str, str]:
        """Return what the last export says of its sender."""
        (metrics,) = self.exports[-1].resource_metrics
        return {pair.key: pair.value.string_value for pair in metrics.resource.attributes}

    def _last_metrics(self) -> Iterator[Any]:
        for resource in self.exports[-1].resource_metrics:
            for scope in resource.scope_metrics:
                yield from scope.metrics


def rejecting(points: int, reason: str) -> bytes:
    """Return the body of an answer that rejects some points of an export that it accepts otherwise."""
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = points
    response.partial_success.error_message = reason
    return response.SerializeToString()
