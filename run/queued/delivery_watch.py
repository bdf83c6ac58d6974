"""Follows the messages of a run from their arrival to their acceptance, without delaying the load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import gevent
from gevent.event import Event

from metrics.catalog import Tags, tags
from metrics.delivery_figures import DeliveryFigures
from metrics.store import MetricStore
from run.queue_watch import QueueWatch
from run.queued.acceptances import Acceptances
from run.queued.file_queue import ids_of_lines
from run.queued.own_worker import OwnWorker
from run.queued.sent_messages import SentMessages
from users.message_queue import MessageQueue, NotQueuedError, QueuedMessage

_LOOK_SECONDS = 0.25

# Between two of these, arrivals that are due go first. Recording a value takes 2 us.
_VALUES_AT_ONCE = 200


class OpenQueue(MessageQueue, Protocol):
    """A queue that this process has opened. ``name`` says in words where it is."""

    name: str

    @property
    def fault(self) -> str | None:
        """Why nothing can be put into the queue any more, or ``None``."""

    def close(self) -> None:
        """Close it."""


class DeliveryWatch:
    """The queue of a run, and what becomes of each of its messages.

    Args:
        queue: where messages go.
        acceptances: says which were accepted, and when.
        worker: the run's own worker, if it has one; otherwise the queue's workers are somebody else's.
        pages: the pages of those workers, if they are known.
        drain_seconds: how long a run waits, after its last iteration, for what is still queued.
        page_seconds: how old a lag on the pages may be. Workers ask the broker for it every 5 s.
    """

    def __init__(
        self,
        queue: OpenQueue,
        acceptances: Acceptances,
        worker: OwnWorker | None,
        pages: QueueWatch | None,
        drain_seconds: float,
        page_seconds: float = 10.0,
    ) -> None:
        self._queue = queue
        self._acceptances = acceptances
        self._worker = worker
        self._pages = pages
        self._drain_seconds = drain_seconds
        self._page_seconds = page_seconds
        self._sent = SentMessages()
        self._tags: dict[str, Tags] = {}
        self._no_more_looks = Event()
        self._looks: gevent.Greenlet[..., None] | None = None
        self._peak = 0
        self._peak_at = 0.0
        self._peak_drained_at: float | None = None
        self._oldest_age_seconds = 0.0
        self._most_replicas: int | None = None
        self._last_instant = 0.0
        self._last_result_at = 0.0
        self._ended_at: float | None = None
        self._still_queued: int | None = None

    # Putting messages into the queue.

    def put(self, message: QueuedMessage, timeout_seconds: float) -> None:
        """Put a message into the queue, and follow it from now on; see ``MessageQueue``."""
        self._sent.begin(message)
        self._last_instant = max(self._last_instant, message.instant)
        try:
            self._queue.put(message, timeout_seconds)
        except BaseException:
            # A VU that is cut off does not know either whether the queue has it.
            self._sent.fail(message.id)
            raise

    def warm_up(self, message: QueuedMessage, seconds: float) -> str | None:
        """Send a first message through, so that the load meets workers that are ready.

        Returns:
            Why it was not accepted in time; ``None`` if it was.
        """
        self._acceptances.begin()
        deadline = time.monotonic() + seconds
        try:
            self._queue.put(message, seconds)
        except NotQueuedError as error:
            return str(error)
        while time.monotonic() < deadline:
            if message.id in [message_id for message_id, _ in self._acceptances.read()]:
                return None
            if (fault := self.fault) is not None:
                return fault
            gevent.sleep(_LOOK_SECONDS / 5)
        return f"a first message was not accepted within {seconds:g} s"

    # While the run is going.

    @property
    def fault(self) -> str | None:
        """Why the queue does not work any more, or ``None``."""
        return self._queue.fault or (self._worker.fault if self._worker is not None else None)

    def start(
        self, store: MetricStore, is_schedule_over: Callable[[], bool], break_off: Callable[[str], None]
    ) -> None:
        """Follow deliveries from now on.

        Args:
            store: where ``delivery_duration`` is recorded.
            is_schedule_over: whether every iteration has ended.
            break_off: called with the fault, if the queue does not work any more.
        """

        def look_on() -> None:
            while not self._no_more_looks.wait(_LOOK_SECONDS):
                if self._ended_at is None and is_schedule_over():
                    self._ended_at = time.monotonic()
                self._look(store)
                if (fault := self.fault) is not None:
                    break_off(fault)
                    return

        self._looks = gevent.spawn(look_on)
        self._looks.link_exception(lambda failed: break_off(f"{failed.exception!r}"))

    def _look(self, store: MetricStore) -> None:
        for count, (message_id, at) in enumerate(self._acceptances.read(), 1):
            accepted = self._sent.accept(message_id, at)
            if accepted is not None:
                scenario, seconds = accepted
                self._last_result_at = max(self._last_result_at, at)
                store.add("delivery_duration", max(0.0, seconds * 1000), self._tags_of(scenario))
            if count % _VALUES_AT_ONCE == 0:
                gevent.sleep(0.0001)
        for message_id in self._worker.new_dead_letters() if self._worker is not None else ():
            if self._sent.bury(message_id):
                self._last_result_at = time.monotonic()
        self._measure(time.monotonic())

    def _measure(self, now: float) -> None:
        backlog, oldest = self.backlog, self._sent.oldest
        self._oldest_age_seconds = max(self._oldest_age_seconds, self._age_seconds(now))
        if backlog > self._peak:
            self._peak, self._peak_at, self._peak_drained_at = backlog, now, None
        elif self._peak_drained_at is None and (not backlog or (oldest or now) > self._peak_at):
            self._peak_drained_at = max(self._peak_at, self._last_result_at)
        replicas = self._replicas
        if replicas is not None:
            self._most_replicas = max(self._most_replicas or 0, replicas)

    def _tags_of(self, scenario: str) -> Tags:
        if scenario not in self._tags:
            self._tags[scenario] = tags(scenario=scenario)
        return self._tags[scenario]

    @property
    def backlog(self) -> int:
        """Messages without a result now."""
        return max(0, self._sent.open - self._dead_on_pages)

    def take_gauges(self) -> Iterator[tuple[str, float]]:
        """Measure, and yield the name and the value of each Gauge."""
        now = time.monotonic()
        self._measure(now)
        yield "queue_backlog", self.backlog
        yield "queue_oldest_age", self._age_seconds(now) * 1000
        replicas = self._replicas
        if replicas is not None:
            yield "queue_replicas", replicas

    def _age_seconds(self, now: float) -> float:
        oldest = self._sent.oldest if self.backlog else None
        # A message may be put into the queue a fraction of a millisecond before its instant.
        return max(0.0, now - oldest) if oldest is not None else 0.0

    @property
    def _dead_on_pages(self) -> int:
        return self._pages.dead_letters if self._pages is not None and self._worker is None else 0

    @property
    def _replicas(self) -> int | None:
        if self._worker is not None:
            return 1
        return self._pages.replicas if self._pages is not None else None

    @property
    def is_over(self) -> bool:
        """Whether everything is settled after the last iteration, or the time to wait for it has passed."""
        if self._ended_at is None:
            return False
        return not self.backlog or time.monotonic() - self._ended_at > self._drain_seconds

    # The end.

    def stop(self, store: MetricStore) -> None:
        """Stop following. The run's own worker ends in order, which takes some seconds with a backlog."""
        self._end_looks()
        if self._worker is not None:
            self._worker.stop()
        self._look(store)
        self._still_queued = self._count_still_queued()

    def _end_looks(self) -> None:
        """Let the last look end by itself. If it were cut off, the next would count its messages again."""
        self._no_more_looks.set()
        if self._looks is not None:
            self._looks.join()

    def close(self) -> None:
        """End everything that was started for this queue. May be called without ``stop``."""
        self._end_looks()
        if self._worker is not None:
            self._worker.stop()
        self._queue.close()
        self._acceptances.close()

    def _count_still_queued(self) -> int:
        """Return how many of the messages without a result the queue has, by its own account."""
        if not self.backlog:
            return 0
        if self._worker is not None:
            return sum(
                self._sent.is_open(found) for found in ids_of_lines(self._worker.queue, self._worker.position)
            )
        is_known = self._ended_at is not None and time.monotonic() - self._ended_at >= self._page_seconds
        if self._pages is None or not is_known:
            return self.backlog
        return min(self.backlog, self._pages.figures.end)

    def figures(self, started: int) -> DeliveryFigures:
        """Return the figures of the run, after ``stop``.

        Args:
            started: arrivals whose iterations have started.
        """
        still_queued = self._still_queued or 0
        is_drained = not self.backlog and self._last_instant > 0
        peak_drained = self._peak_drained_at
        return DeliveryFigures(
            queue=self._queue.name,
            started=started,
            not_produced=self._sent.not_produced,
            delivered=self._sent.delivered,
            dead_letters=self._sent.dead_letters + min(self._dead_on_pages, self._sent.open),
            still_queued=still_queued,
            lost=self.backlog - still_queued,
            repeated=self._sent.repeated,
            backlog_peak=self._peak,
            oldest_age_ms=self._oldest_age_seconds * 1000,
            drain_after_peak_seconds=None if peak_drained is None else peak_drained - self._peak_at,
            drain_after_end_seconds=(
                max(0.0, self._last_result_at - self._last_instant) if is_drained else None
            ),
            replicas=self._most_replicas,
            clock_error_ms=self._acceptances.clock_error_seconds * 1000,
            reads_failed=self._acceptances.reads_failed,
        )

    @property
    def notes(self) -> list[str]:
        """Lines for the summary."""
        notes = []
        if self._acceptances.reads_failed:
            notes.append(f"acceptances could not be read {self._acceptances.reads_failed} times")
        if self._still_queued:
            notes.append(
                f"{self._still_queued} messages were still queued when the run closed "
                f"(drain_timeout {self._drain_seconds:g} s)"
            )
        return notes
