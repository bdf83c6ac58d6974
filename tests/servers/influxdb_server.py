"""Real databases of a test's own, on free ports, with nothing but what the test writes."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.servers.free_port import free_port

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
auth-enabled = {auth}
[monitor]
store-enabled = false
[logging]
level = "error"
"""
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class InfluxDb:
    """``influxd`` in a folder; it can be killed and started again on the same data.

    Args:
        folder: for its data.
        auth: whether it asks for a user; the first may be made without.
    """

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._config = folder / "influxdb.conf"
        text = _CONFIG.format(folder=folder, port=self._port, rpc_port=free_port(), auth=str(auth).lower())
        self._config.write_text(text)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            ["influxd", "-config", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, "influxd ended"
            assert time.monotonic() < deadline, "influxd does not answer"
            try:
                requests.get(f"{self.url}/ping", timeout=5)
            except requests.ConnectionError:
                time.sleep(_LOOK_SECONDS)
                continue
            return

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def query(self, text: str, database: str = "k6") -> list[dict[str, Any]]:
        """Return the series of an InfluxQL query."""
        response = requests.get(f"{self.url}/query", params={"q": text, "db": database}, timeout=30)
        response.raise_for_status()
        series: list[dict[str, Any]] = response.json()["results"][0].get("series", [])
        return series

    def total(self, measurement: str, function: str = "sum", where: str = "") -> float:
        """Return one aggregate over all points of a measurement, or 0 if there are none."""
        # InfluxQL has no parameters for names, and these are the tests' own.
        found = self.query(f'SELECT {function}("value") FROM "{measurement}" {where}')  # noqa: S608
        return float(found[0]["values"][0][1]) if found else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class VictoriaMetrics:
    """``victoria-metrics``, a real server that accepts writes in InfluxDB 2's protocol.

    Args:
        folder: for its data.
    """

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            ["victoria-metrics", f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, "victoria-metrics ended"
            assert time.monotonic() < deadline, "victoria-metrics does not answer"
            try:
                requests.get(f"{self.url}/health", timeout=5)
            except requests.ConnectionError:
                time.sleep(_LOOK_SECONDS)
                continue
            return

    def values(self, measurement: str) -> list[float]:
        """Return every value of a measurement's field ``value``."""
        # What came in lately is not shown before it is flushed.
        requests.get(f"{self.url}/internal/force_flush", timeout=30).raise_for_status()
        match = f'{{__name__="{measurement}_value"}}'
        response = requests.get(f"{self.url}/api/v1/export", params={"match[]": match}, timeout=30)
        response.raise_for_status()
        return [value for line in response.text.splitlines() for value in json.loads(line)["values"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
