"""What the master knows about one worker in one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from engine.cluster.membership import SILENCE_SECONDS
from metrics.sinks import TrendSink
from metrics.trend_sink import nearest_rank
from metrics.verdict import CPU_LIMIT_PERCENT, GeneratorFigures, WorkerReport
from run.time_sync import ClockOffset
from shapes.accounts import Counts

# Two days of seconds: a bound on the memory that a worker's messages can take.
_MOST_CPU_READINGS = 200_000


@dataclass
class RemoteWorker:
    """One worker; instants are of the master's monotonic clock, in seconds.

    ``seconds_sent`` counts the ``SecondMeasured`` messages that it has sent, ``seconds_received`` those that
    have arrived.
    """

    index: int
    offset: ClockOffset = field(default_factory=ClockOffset)
    is_started: bool = False
    is_ready: bool = False
    is_done: bool = False
    is_final: bool = False
    length_seconds: float = 0.0
    epochs_known: int = 0
    heard_at: float = field(default_factory=time.monotonic)
    counts: dict[str, Counts] = field(default_factory=dict)
    counts_before: dict[str, Counts] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    vus_busy: dict[str, int] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    start_lag: TrendSink = field(default_factory=TrendSink)
    seconds_received: int = 0
    seconds_sent: int = 0

    @property
    def name(self) -> str:
        """The worker's name in files and log lines."""
        return f"worker-{self.index}"

    @property
    def silent_seconds(self) -> float:
        """Seconds since its last report."""
        return time.monotonic() - self.heard_at

    @property
    def is_live(self) -> bool:
        """Whether it has reported a moment ago and has not ended."""
        return not self.is_final and self.silent_seconds <= SILENCE_SECONDS

    def add_cpu(self, percent: float) -> None:
        """Record its CPU over one second, in percent of a core."""
        if len(self.cpu) < _MOST_CPU_READINGS:
            self.cpu.append(percent)

    @property
    def busyness(self) -> tuple[int, float]:
        """The key that sorts workers as the verdict does: by busy seconds, then by the p95 of their CPU."""
        p95 = nearest_rank(sorted(self.cpu), 95) if self.cpu else 0.0
        return sum(percent > CPU_LIMIT_PERCENT for percent in self.cpu), p95

    def measure_rates(self) -> None:
        """Compute the arrivals/s of each scenario since the last call.

        Reports are not exactly a second apart, so the time between them is measured by the worker's clock.
        """
        for scenario, now in self.counts.items():
            before = self.counts_before.get(scenario, Counts(at=0.0))
            seconds = now.at - before.at
            self.rates[scenario] = (now.started - before.started) / seconds if seconds > 0 else 0.0
        self.counts_before = dict(self.counts)

    def report(self, lost: int) -> WorkerReport:
        """Return this worker's part of the run's report; ``lost`` is the number of arrivals that it lost."""
        return WorkerReport(
            name=self.name,
            generator=GeneratorFigures.measured(
                start_lag=self.start_lag,
                cpu_percents=self.cpu,
                vus_max=0,
                start_skew_ms=self.offset.error_seconds * 1000 if self.offset.samples else 0.0,
            ),
            started=sum(counts.started for counts in self.counts.values()),
            dropped=sum(counts.dropped for counts in self.counts.values()),
            lost=lost,
            reports=self.seconds_received,
            reports_missing=max(0, self.seconds_sent - self.seconds_received),
            state="ended in order" if self.is_final else f"silent for {self.silent_seconds:.1f} s",
        )
