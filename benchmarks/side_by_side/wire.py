"""One ruler for all generators: when each request and each answer passed the server's network interface.

``tcpdump`` notes the kernel's instant, in nanoseconds, of each packet that begins a request or an answer. So
neither a generator's own clock nor the server's queue is in the figures, and any server will do, unchanged.
Each packet costs its sender about a microsecond more, so CPU per iteration is measured in runs of their own.

**Start lag.** A constant rate has its instants at ``origin + n / rate``. Sorted arrivals are matched with
them in order, for which nothing may have been dropped. That gives the mean exactly, and a p99 that is too
small, if anything, where requests overtook each other. No generator tells its origin on the server's clock,
so it is estimated in the same way for all: as the latest that makes no request early. The least lag therefore
counts as 0, and every lag is too small by it: by the shortest way from a generator's timer to the wire, some
tens of microseconds, more for a slow generator than for a fast one. The first second is left out: in it every
VU connects.

**Latency.** From the first packet of a request to the first packet of its answer, of all requests of the run.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

_PACKET = re.compile(r"^(\d+)\.(\d{9}) IP 127\.0\.0\.1\.(\d+) > 127\.0\.0\.1\.(\d+): tcp")
# The packets that begin with "PUT " or with "HTTP". A body in a packet of its own would look like one more
# request where the server answers before it has read it, as nginx does.
_HEADS = "(tcp[(tcp[12] & 0xf0) >> 2 : 4] == 0x50555420 or tcp[(tcp[12] & 0xf0) >> 2 : 4] == 0x48545450)"
# The kernel hands packets over in blocks, within a second.
_HANDED_OVER_SECONDS = 1.5
_START_SECONDS = 10.0
_LEFT_OUT_SECONDS = 1.0


@dataclass(frozen=True)
class WireTimes:
    """What the wire shows of a run, in milliseconds."""

    requests: int
    latency_mean: float
    latency_p99: float
    lag_mean: float
    lag_p99: float


class Capture:
    """The requests to a server: when each passed its network interface, and how long its answer took.

    Both are complete when ``capturing`` has ended, in seconds.
    """

    def __init__(self) -> None:
        self.requests: list[float] = []
        self.latencies: list[float] = []

    def read(self, path: Path, port: int) -> None:
        """Read tcpdump's file."""
        began: dict[str, float] = {}
        first: int | None = None
        for whole, fraction, sender, receiver in _packets(path):
            first = whole if first is None else first
            # Less the first second, as a float has no room for nanoseconds since 1970.
            at = (whole - first) + fraction / 1e9
            if receiver == str(port):
                if sender not in began:
                    began[sender] = at
                    self.requests.append(at)
            elif (start := began.pop(receiver, None)) is not None:
                self.latencies.append(at - start)

    def times(self, rate: int) -> WireTimes:
        """Return the times of a run at a constant rate.

        Raises:
            SystemExit: nothing was captured.
        """
        if not self.latencies:
            raise SystemExit("tcpdump saw no request")
        lags = lags_seconds(self.requests, rate)
        figures = (*mean_and_p99(self.latencies), *mean_and_p99(lags))
        return WireTimes(len(self.requests), *(1000 * seconds for seconds in figures))


@contextmanager
def capturing(port: int) -> Iterator[Capture]:
    """Capture what begins requests and answers at a port of this machine.

    Raises:
        SystemExit: tcpdump does not start, which needs root or ``CAP_NET_RAW``, or lost packets.
    """
    capture = Capture()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "packets")
        command = [
            *("tcpdump", "-i", "lo", "-nn", "--nano", "-s", "80", "-B", "65536", "-U", "-Z", "root"),
            *("-w", str(path), f"tcp port {port} and {_HEADS}"),
        ]
        with Path(folder, "told").open("w+") as told:
            process = subprocess.Popen(command, stderr=told)
            try:
                _wait_until_open(process, path)
                yield capture
                time.sleep(_HANDED_OVER_SECONDS)
            finally:
                process.terminate()
                process.wait()
            told.seek(0)
            words = told.read()
        if not re.search(r"^0 packets dropped by kernel", words, re.MULTILINE):
            raise SystemExit(f"tcpdump lost packets: {words}")
        capture.read(path, port)


def _packets(path: Path) -> Iterator[tuple[int, int, str, str]]:
    """Yield of each packet the seconds and the nanoseconds of its instant, and both ports."""
    command = ["tcpdump", "-r", str(path), "-nn", "-tt", "--nano", "-q"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if match := _PACKET.match(line):
            yield int(match[1]), int(match[2]), match[3], match[4]


def _wait_until_open(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait for the file's header, which tcpdump writes once it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while not (path.exists() and path.stat().st_size):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("tcpdump does not start; expected root or CAP_NET_RAW")
        time.sleep(0.05)


def lags_seconds(arrivals: Sequence[float], rate: int) -> list[float]:
    """Return how long after its instant each arrival came, without those of the first second, sorted."""
    steady = sorted(arrivals)[round(_LEFT_OUT_SECONDS * rate) :]
    lags = [at - number / rate for number, at in enumerate(steady)]
    origin = min(lags, default=0.0)
    return sorted(lag - origin for lag in lags)


def mean_and_p99(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the 99th percentile; NaN of nothing."""
    if not seconds:
        return float("nan"), float("nan")
    return fmean(seconds), sorted(seconds)[len(seconds) * 99 // 100]
