"""InfluxDB: every sample as a point, written in the background, with k6's measurements, tags and fields.

Points are encoded here, in some forty lines, and sent with ``requests``. The client libraries take an
object or a dictionary per point, which costs ten times as much per sample as the line does, in a process
that must keep the schedule. Here the head of a line is made once per cell.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import requests

from config.customerio.hosts import check_connection
from config.errors import ConfigError
from config.guarded_session import plain_session
from config.shown import shown_url
from metrics.k6_tags import has_url, k6_tags
from metrics.store import Cell, MergedCell

MOST_POINTS_WAITING = 400_000
"""Points that wait for an unreachable database; more are dropped and counted."""

_POINTS_PER_REQUEST = 5_000
_TIMEOUT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_LAST_WRITE_SECONDS = 15.0


@dataclass(frozen=True)
class InfluxDbTarget:
    """Where points go: a database (InfluxDB 1) or an organisation's bucket (InfluxDB 2).

    Secrets are not part of a URL, and not shown.
    """

    base_url: str
    database: str = ""
    organisation: str = ""
    bucket: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def is_v2(self) -> bool:
        """Whether this is InfluxDB 2's way of writing."""
        return bool(self.bucket)

    @classmethod
    def parse(cls, url: str, variables: Mapping[str, str]) -> InfluxDbTarget:
        """Return the address of ``http://host:8086/database`` or ``http://host:8086?org=o&bucket=b``.

        Secrets come from ``K6_INFLUXDB_USERNAME``, ``_PASSWORD`` and ``_TOKEN``.

        Raises:
            ConfigError: not of that form, a secret in the URL, or a host under customer.io.
        """
        expected = "http(s)://host:port/database, or http(s)://host:port?org=ORG&bucket=BUCKET"
        if "@" in url:
            raise ConfigError(
                "--out influxdb: expected no user in the URL; use K6_INFLUXDB_USERNAME and _PASSWORD"
            )
        try:
            parts = urlsplit(url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError as error:
            raise ConfigError(f"--out influxdb: expected {expected}, got {shown_url(url)}") from error
        query = parse_qs(parts.query)
        if parts.scheme not in ("http", "https") or not parts.hostname or query.keys() - {"org", "bucket"}:
            raise ConfigError(f"--out influxdb: expected {expected}, got {shown_url(url)}")
        try:
            check_connection(url, allow_live=False, instead="the host of a database")
        except ConfigError as error:
            raise ConfigError(f"--out influxdb: {error}") from error
        organisation = query.get("org", [variables.get("K6_INFLUXDB_ORGANIZATION", "")])[0]
        bucket = query.get("bucket", [variables.get("K6_INFLUXDB_BUCKET", "")])[0]
        return cls(
            base_url=f"{parts.scheme}://{parts.hostname}{port}",
            database=parts.path.strip("/") or variables.get("K6_INFLUXDB_DB", "k6"),
            organisation=organisation,
            bucket=bucket,
            username=variables.get("K6_INFLUXDB_USERNAME", ""),
            password=variables.get("K6_INFLUXDB_PASSWORD", ""),
            token=variables.get("K6_INFLUXDB_TOKEN", ""),
        )


class InfluxDbOutput:
    """Writes in batches from a thread of its own; the load never waits for it.

    Args:
        target: where to.
        worker: a further tag, for a worker's points.
        is_optional: whether a database that is away from the start is no reason not to start.

    Raises:
        ConfigError: the database cannot be reached or refuses us, unless ``is_optional``.
    """

    name = "InfluxDB"
    takes_whole_seconds = False

    def __init__(
        self, target: InfluxDbTarget, worker: str | None = None, *, is_optional: bool = False
    ) -> None:
        self._target = target
        self._worker = {"worker": worker} if worker is not None else {}
        self._session = plain_session()
        self._points: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._written = 0
        self._dropped = 0
        self._deadline: float | None = None
        self._last_time: dict[str, int] = {}
        try:
            self._greet()
        except ConfigError:
            if not is_optional:
                raise
        self._writer = threading.Thread(target=self._write_all, name="influxdb", daemon=True)
        self._writer.start()

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        for cell in cells:
            if not isinstance(cell, Cell):
                continue
            if self._waiting + len(cell.values) > MOST_POINTS_WAITING:
                self._dropped += len(cell.values)
                continue
            self._waiting += len(cell.values)
            self._points.put(self._lines(cell))

    def stop(self) -> str | None:
        self._deadline = time.monotonic() + _LAST_WRITE_SECONDS
        self._points.put(None)
        self._writer.join()
        self._session.close()
        if not self._dropped:
            return None
        return f"InfluxDB: {self._dropped} points dropped, {self._written} written; metrics.csv has all"

    def _greet(self) -> None:
        """Create the database if it is missing, which also shows whether we may write."""
        target = self._target
        try:
            if target.is_v2:
                response = self._post("")
            else:
                response = self._session.post(
                    f"{target.base_url}/query",
                    params={"q": f'CREATE DATABASE "{target.database}"'},
                    auth=(target.username, target.password) if target.username else None,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise ConfigError(f"--out influxdb: {target.base_url} cannot be reached") from error
        if response.status_code in (401, 403):
            raise ConfigError(f"--out influxdb: {target.base_url} refuses us: expected valid credentials")
        if response.status_code >= 300 and not (target.is_v2 and response.status_code == 400):
            raise ConfigError(f"--out influxdb: {target.base_url} answers HTTP {response.status_code}")

    def _write_all(self) -> None:
        """Write the waiting points in batches until told to stop."""
        lines: list[str] = []
        is_last = False
        while not is_last:
            taken = self._points.get()
            while True:
                is_last = taken is None
                lines += taken or []
                if is_last or len(lines) >= _POINTS_PER_REQUEST:
                    break
                try:
                    taken = self._points.get_nowait()
                except queue.Empty:
                    break
            while lines:
                batch, lines = lines[:_POINTS_PER_REQUEST], lines[_POINTS_PER_REQUEST:]
                self._write_batch(batch)

    def _write_batch(self, batch: list[str]) -> None:
        """Write one batch, with retries while the database is away and there is time."""
        body = "\n".join(batch)
        for attempt in itertools.count():
            try:
                status = self._post(body).status_code
            except requests.RequestException:
                status = 0
            if status in (200, 204):
                self._written += len(batch)
                break
            pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
            is_refused = 300 <= status < 500 and status != 429
            is_late = self._deadline is not None and time.monotonic() + pause > self._deadline
            if is_refused or is_late:
                self._dropped += len(batch)
                break
            time.sleep(pause)
        self._waiting -= len(batch)

    def _post(self, body: str) -> requests.Response:
        target = self._target
        if target.is_v2:
            return self._session.post(
                f"{target.base_url}/api/v2/write",
                params={"org": target.organisation, "bucket": target.bucket, "precision": "ns"},
                headers={"Authorization": f"Token {target.token}"},
                data=body.encode(),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        return self._session.post(
            f"{target.base_url}/write",
            params={"db": target.database, "precision": "ns"},
            auth=(target.username, target.password) if target.username else None,
            data=body.encode(),
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )

    def _lines(self, cell: Cell) -> list[str]:
        name = cell.metric.name
        tags = {**k6_tags(name, cell.tags), **self._worker}
        head = ",".join([name, *(f"{key}={_escape(value)}" for key, value in sorted(tags.items()) if value)])
        url = f',url="{_quote(tags.get("name", ""))}"' if has_url(name) else ""
        return [
            f"{head} value={float(value)!r}{url} {at}"
            for at, value in zip(self._distinct(head, cell.times), cell.values, strict=True)
        ]

    def _distinct(self, head: str, times: Sequence[int]) -> Sequence[int]:
        """Return times of a series, no two equal: InfluxDB keeps one point per series and time."""
        distinct = []
        last = self._last_time.get(head, 0)
        for at in times:
            last = max(at, last + 1)
            distinct.append(last)
        self._last_time[head] = last
        return distinct


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', r"\"")
