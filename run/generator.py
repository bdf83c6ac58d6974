"""The load generator's own condition: its CPU, second by second."""

from __future__ import annotations

import psutil


class CpuMeter:
    """This process's CPU in percent of one core, from one reading to the next.

    One core is all that a Locust process can use, whatever the machine has.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()
        self.readings: list[float] = []

    def read(self) -> None:
        """Note the share since the last reading."""
        self.readings.append(self._process.cpu_percent())

    @property
    def average(self) -> float:
        """Mean of the readings in percent; 0 without any."""
        return sum(self.readings) / len(self.readings) if self.readings else 0.0

    @property
    def p95(self) -> float:
        """What 95% of the readings do not exceed, in percent; 0 without any."""
        ordered = sorted(self.readings)
        return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)] if ordered else 0.0
