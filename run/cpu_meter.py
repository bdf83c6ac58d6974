"""The load generator's own CPU, second by second."""

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
        """Record the share of a core since the last reading."""
        self.readings.append(self._process.cpu_percent())

    @property
    def last(self) -> float:
        """The last reading in percent; 0 without any."""
        return self.readings[-1] if self.readings else 0.0

    @property
    def average(self) -> float:
        """Mean of the readings in percent; 0 without any."""
        return sum(self.readings) / len(self.readings) if self.readings else 0.0
