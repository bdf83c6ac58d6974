"""What is done with the events, after they were kept and the sender has its answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from receiver.event_log import read_events

_PAUSE_SECONDS = 0.05
_EVENTS_PER_STEP = 500


class Work:
    """Hands each kept event to ``handle``, in the order of the file, from where the last run has stopped.

    The position is kept in a file beside the log, after the events up to it are handled. So an event is
    handled at least once: those since the last position are handled again after a crash.

    Args:
        log_path: the file of events.
        handle: does the work of one event, in a thread. An exception of it stops the receiver's work, not the
            receiver: the position stays before that event.
    """

    def __init__(self, log_path: Path, handle: Callable[[dict[str, Any]], None]) -> None:
        self._log_path = log_path
        self._position_path = log_path.with_name(log_path.name + ".position")
        self._handle = handle
        self.position = self._last_position()
        self.failure: str | None = None

    def _last_position(self) -> int:
        try:
            return int(self._position_path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    async def follow(self, size: Callable[[], int]) -> None:
        """Handle events until cancelled; ``size`` tells how much of the file is kept for good."""
        while self.failure is None:
            end = size()
            if self.position < end:
                await asyncio.to_thread(self._step, end)
            else:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _step(self, end: int) -> None:
        position = end
        for count, (behind, event) in enumerate(read_events(self._log_path, self.position, end), 1):
            try:
                self._handle(event)
            except Exception as error:  # noqa: BLE001 - whatever the user's code raises
                self.failure = f"{type(error).__name__} at byte {self.position}"
                return
            self.position = behind
            if count == _EVENTS_PER_STEP:
                position = behind
                break
        self.position = position
        temporary = self._position_path.with_suffix(".new")
        temporary.write_text(str(self.position), encoding="ascii")
        temporary.replace(self._position_path)


class MetricCounts:
    """The work of this reference: counts events by what they report. Put your own in its place."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def handle(self, event: dict[str, Any]) -> None:
        """Count an event by ``object_type`` and ``metric``, as ``email sent``."""
        try:
            body = json.loads(event["body"])
        except (ValueError, RecursionError):
            body = None
        fields = body if isinstance(body, dict) else {}
        self.counts[f"{fields.get('object_type')} {fields.get('metric')}"] += 1
