"""What the iterations of one scenario measure: columns that grow by a value, and become cells in bulk.

A sample by ``MetricStore.add`` costs a look-up, two appends and a clock reading, and an iteration has ten
of them: 10 us with their fold. Here an iteration appends each number once, to the column it belongs to,
and reads the clock at its start and its end. Metrics that say the same of every iteration (that it was
one, that it did not fail) and metrics with the same values (``http_req_duration``, ``identify_duration``)
are made when the window closes, and share their columns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from metrics.catalog import Tags, tags

Column = tuple[str, Tags, list[float], list[int]]
"""A metric's name, tags, values, and the Unix time of each value in nanoseconds."""


@dataclass(frozen=True)
class Answers:
    """The requests of one window that ended alike.

    ``error`` is the kind of failure, empty for none. Times are when each ended, in Unix nanoseconds;
    ``lengths`` are those of the bodies, in bytes.
    """

    method: str
    name: str
    status: str
    error: str
    tags: Tags
    durations_ms: list[float] = field(default_factory=list)
    from_arrival_ms: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def since(self, index: int) -> Answers:
        """Return a copy without the first ``index`` requests."""
        columns = (self.durations_ms, self.from_arrival_ms, self.lengths, self.times)
        durations_ms, from_arrival_ms, lengths, times = ([*column[index:]] for column in columns)
        return replace(
            self,
            durations_ms=durations_ms,
            from_arrival_ms=from_arrival_ms,
            lengths=lengths,
            times=times,
        )


@dataclass
class _Window:
    """What was measured since the last window was closed; ``answers`` by status, HTTP version and error."""

    lags_ms: list[float] = field(default_factory=list)
    lag_times: list[int] = field(default_factory=list)
    answers: dict[tuple[int, str, str], Answers] = field(default_factory=dict)
    checks: list[float] = field(default_factory=list)
    check_times: list[int] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    end_times: list[int] = field(default_factory=list)
    resent_times: list[int] = field(default_factory=list)


class IterationLog:
    """The log of one scenario's VUs in one process.

    Args:
        scenario: its name, a tag of all that it measures.
        kind: the kind of user, which names the request and its own Trends.
        method: of the request.
        check: the name of the check that each iteration makes.
        into_queue: whether iterations put messages into a queue, in place of sending requests. The metrics
            are then those of messages.
    """

    def __init__(
        self, scenario: str, kind: str, method: str, check: str, *, into_queue: bool = False
    ) -> None:
        self._scenario = scenario
        self._kind = kind
        self._method = method
        self._into_queue = into_queue
        self._tags = tags(scenario=scenario)
        self._check_tags = tags(scenario=scenario, check=check)
        self._known_tags: dict[tuple[int, str, str], Tags] = {}
        self._window = _Window()
        # How many of the window's answers ``take_answers`` has returned.
        self._taken: dict[tuple[int, str, str], int] = {}

    def start(self, lag_ms: float) -> None:
        """Record that an iteration starts, so long after its arrival's instant."""
        window = self._window
        window.lags_ms.append(lag_ms)
        window.lag_times.append(time.time_ns())

    def answer(
        self, status: int, version: str, error: str, duration_ms: float, late_ms: float, length: int
    ) -> None:
        """Record an iteration's request, and the check made of it.

        Args:
            status: HTTP status, 0 without an answer.
            version: of HTTP, such as ``1.1``; empty without an answer.
            error: the kind of failure, empty for none.
            duration_ms: of the request.
            late_ms: how long after the arrival's instant the request began.
            length: bytes of the answer's body.
        """
        key = (status, version, error)
        answers = self._window.answers.get(key)
        if answers is None:
            answers = self._window.answers[key] = self._new_answers(key)
        answers.durations_ms.append(duration_ms)
        answers.from_arrival_ms.append(duration_ms + late_ms)
        answers.lengths.append(length)
        answers.times.append(time.time_ns())

    def resent(self) -> None:
        """Record that a request was sent once more, on a fresh connection."""
        self._window.resent_times.append(time.time_ns())

    def check(self, *, is_passed: bool) -> None:
        """Record the check of an iteration whose request is recorded elsewhere, or that made none."""
        self._window.checks.append(is_passed)
        self._window.check_times.append(time.time_ns())

    def end(self, duration_ms: float) -> None:
        """Record that an iteration has ended by itself."""
        window = self._window
        window.durations_ms.append(duration_ms)
        window.end_times.append(time.time_ns())

    def take_answers(self) -> list[Answers]:
        """Return the requests recorded in this window since the last call."""
        new = [answers.since(self._taken.get(key, 0)) for key, answers in self._window.answers.items()]
        self._taken = {key: len(answers.times) for key, answers in self._window.answers.items()}
        return [answers for answers in new if answers.times]

    def close_window(self) -> list[Column]:
        """Begin the next window, and return the last one's columns. They may share their lists: change none.

        Take its answers before: they go with it.
        """
        window, self._window, self._taken = self._window, _Window(), {}
        return [(name, tags, values, times) for name, tags, values, times in self._columns(window) if values]

    def _columns(self, window: _Window) -> Iterator[Column]:
        yield "start_lag", self._tags, window.lags_ms, window.lag_times
        for answers in window.answers.values():
            count = len(answers.times)
            if self._into_queue:
                yield "produced_messages", answers.tags, [1] * count, answers.times
                yield "produce_duration", answers.tags, answers.durations_ms, answers.times
                continue
            yield "http_reqs", answers.tags, [1] * count, answers.times
            yield "http_req_duration", answers.tags, answers.durations_ms, answers.times
            yield "http_req_failed", answers.tags, [bool(answers.error)] * count, answers.times
            own, from_arrival = f"{self._kind}_duration", f"{self._kind}_duration_from_arrival"
            yield own, answers.tags, answers.durations_ms, answers.times
            yield from_arrival, answers.tags, answers.from_arrival_ms, answers.times
        yield "http_reqs_resent", self._tags, [1] * len(window.resent_times), window.resent_times
        passed, check_times = _checks(window)
        yield "checks", self._check_tags, passed, check_times
        yield "errors", self._tags, [not is_passed for is_passed in passed], check_times
        yield "iterations", self._tags, [1] * len(window.end_times), window.end_times
        yield "iteration_duration", self._tags, window.durations_ms, window.end_times

    def _new_answers(self, key: tuple[int, str, str]) -> Answers:
        status, version, error = key
        if self._into_queue:
            optional = {"error": error} if error else {}
            return Answers(self._method, self._kind, "", error, tags(scenario=self._scenario, **optional))
        if key not in self._known_tags:
            optional = {"error": error, "proto": f"HTTP/{version}" if version else ""}
            self._known_tags[key] = tags(
                scenario=self._scenario,
                method=self._method,
                name=self._kind,
                status=str(status),
                expected_response="false" if error else "true",
                **{name: value for name, value in optional.items() if value},
            )
        return Answers(self._method, self._kind, str(status), error, self._known_tags[key])


def _checks(window: _Window) -> tuple[list[float], list[int]]:
    """Return the window's checks and their times, in the order in which they were made.

    An iteration's check is among its scenario's answers, or was recorded by ``check``.
    """
    groups: list[tuple[list[float], list[int]]] = [
        ([not answers.error] * len(answers.times), answers.times) for answers in window.answers.values()
    ]
    groups.append((window.checks, window.check_times))
    groups = [group for group in groups if group[1]]
    if len(groups) == 1:
        return groups[0]
    made = sorted(pair for passed, times in groups for pair in zip(times, passed, strict=True))
    return [passed for _, passed in made], [at for at, _ in made]
