"""From Locust's ``request`` event to the metrics of a request."""

from __future__ import annotations

from typing import Any

from metrics.catalog import Tags, tags
from metrics.store import MetricStore

_Key = tuple[str, str, str, str, str, str]
# As http.client numbers them.
_PROTOCOLS = {10: "HTTP/1.0", 11: "HTTP/1.1"}


class RequestRecorder:
    """A listener for ``events.request`` that records every request which Locust's own statistics count.

    Our users put into the event's context their ``scenario``, their ``kind`` (identify, track), the
    ``failure`` if there was one, and ``late_ms``, the time from the arrival's instant to the request's
    start. An event that something else fires in a run (a plugin, another locustfile) is a request too.
    """

    def __init__(self, store: MetricStore) -> None:
        self._store = store
        self._tags: dict[_Key, Tags] = {}

    def __call__(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: Exception | None = None,
        context: dict[str, Any] | None = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        context = context or {}
        failure = context.get("failure")
        error = failure.kind.value if failure else type(exception).__name__ if exception else ""
        status = str(getattr(response, "status_code", None) or 0)
        proto = _PROTOCOLS.get(getattr(getattr(response, "raw", None), "version", 0) or 0, "")
        key = (context.get("scenario", ""), request_type, name, status, error, proto)
        sample_tags = self._tags.get(key) or self._new_tags(key)
        store = self._store
        store.add("http_reqs", 1, sample_tags)
        store.add("http_req_duration", response_time, sample_tags)
        store.add("http_req_failed", exception is not None, sample_tags)
        trend = f"{context.get('kind')}_duration"
        if trend in store.catalog:
            store.add(trend, response_time, sample_tags)
            store.add(f"{trend}_from_arrival", response_time + context["late_ms"], sample_tags)

    def _new_tags(self, key: _Key) -> Tags:
        scenario, method, name, status, error, proto = key
        expected = "false" if error else "true"
        values = {"method": method, "name": name, "status": status, "expected_response": expected}
        optional = {"scenario": scenario, "error": error, "proto": proto}
        self._tags[key] = tags(**values, **{name: value for name, value in optional.items() if value})
        return self._tags[key]
