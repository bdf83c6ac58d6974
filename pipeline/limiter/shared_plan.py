"""Decides when this process may start requests of a shared limit: reserved starts, or its own part."""

from __future__ import annotations

import enum
import math
from dataclasses import replace
from typing import Any

from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalPlan
from pipeline.limiter.reservations import Reservations
from pipeline.limiter.script_call import (
    ALONE_SECONDS,
    ASK_AHEAD_SECONDS,
    CALL_SECONDS,
    HORIZON_SECONDS,
    MARGIN_SECONDS,
    MICRO,
    PROBE_SECONDS,
    SILENCE_SECONDS,
    microseconds,
)
from pipeline.limiter.settings import SharedSettings
from pipeline.limiter.window import GUARD_SHARE

HEARTBEAT_SECONDS = 0.25
# The pause after a call that asked for starts and got none.
_IN_VAIN_SECONDS = 0.1


class Mode(enum.Enum):
    """How this process relates to the others."""

    JOINED = "joined"
    """Redis knows this process and reserves starts for it."""
    ALONE = "alone"
    """This process has lost Redis and uses its own part."""
    OUTSIDE = "outside"
    """Redis was never reached, or has refused this process: nothing starts."""


class SharedPlan:
    """Starts what Redis reserved for this process; while Redis is gone, at most its own part of the limit.

    The own part is one ``max_processes``-th. See ``Mode`` for what is allowed when.

    Args:
        process_id: a name that no other process has.
        settings: the limits of all processes together.
        shared: how processes share the limit.
    """

    def __init__(self, process_id: str, settings: LimiterSettings, shared: SharedSettings) -> None:
        self.mode = Mode.OUTSIDE
        self.members = 0
        self.reservations = Reservations(settings.window_seconds, settings.min_gap_seconds)
        self._id = process_id
        self._settings = settings
        self._shared = shared
        self._span = settings.window_seconds * (1.0 + GUARD_SHARE)
        self._own_part: LocalPlan | None = None
        self._sequence = 0
        self._sent = -math.inf
        self._failures = 0
        self._wanted = 0
        self._ask_from = -math.inf
        self._waits_for_permit = False
        self._closed_until = -math.inf
        self._throttled = self._throttled_told = self._throttled_sent = 0
        self._allowed = self._tokens_left = self._permits = 0

    # -- a LimiterPlan ----------------------------------------------------------------------------

    @property
    def is_shared(self) -> bool:
        return self.mode is Mode.JOINED

    def next_start(self, now: float, running: int) -> float | None:
        reserved = self.reservations.next_start(now)
        if reserved is not None:
            return reserved
        if self._own_part is None:
            return None
        start = self._own_part.next_start(now, running)
        # A later start is decided after the next attempt to reach Redis.
        return start if start is not None and max(start, now) <= self._sent + ALONE_SECONDS else None

    def start(self, now: float, running: int) -> bool:
        if self.reservations.take(now):
            return True
        if self._own_part is None or now > self._sent + ALONE_SECONDS:
            return False
        return self._own_part.start(now, running)

    def allowed(self, now: float) -> int:
        if self.is_shared:
            return self._allowed
        return 0 if self._own_part is None else self._own_part.allowed(now)

    def tokens_left(self, now: float) -> int:
        if self.is_shared:
            return self._tokens_left + self.reservations.usable(now)
        return 0 if self._own_part is None else self._own_part.tokens_left(now)

    def throttle(self, now: float, retry_after_seconds: float | None) -> None:
        """Slow down because of a 429; the next call tells the other processes."""
        self._throttled += 1
        if self._own_part is not None:
            self._own_part.throttle(now, retry_after_seconds)
        if retry_after_seconds is not None:
            self._closed_until = max(self._closed_until, now + retry_after_seconds)
            self.reservations.give_back_all()

    def permit_freed(self) -> None:
        """Ask Redis again at once if the last call got no start because no permit was free."""
        if self._waits_for_permit:
            self._ask_from = -math.inf

    # -- calls to Redis ---------------------------------------------------------------------------

    def call_from(self, now: float, running: int, queued: int) -> float:
        """Return when the next call is due."""
        if self.mode is Mode.ALONE:
            # The first retry comes at once: perhaps only the connection broke.
            return self._sent + (PROBE_SECONDS if self._failures > 1 else 0.0)
        if self.mode is Mode.OUTSIDE:
            return self._sent + PROBE_SECONDS
        if self._throttled > self._throttled_told:
            return now
        heartbeat = self._sent + HEARTBEAT_SECONDS
        reserved = self.reservations.usable(now)
        if queued <= reserved or running + reserved >= self._permits or now < self._closed_until:
            return heartbeat
        ask = self._ask_from
        if reserved:
            ask = max(ask, self.reservations.last_start() - ASK_AHEAD_SECONDS)
        return min(ask, heartbeat)

    def prepare_call(self, now: float, running: int, queued: int, *, leaving: bool = False) -> dict[str, Any]:
        """Number the next call and return its content. The caller must send it now."""
        if leaving:
            self.reservations.give_back_all()
        self.reservations.give_back_missed(now)
        reserved = self.reservations.usable(now)
        self._sequence += 1
        self._sent = now
        self._wanted = 0 if now < self._closed_until else max(0, queued - reserved)
        self._throttled_sent = self._throttled
        settings, shared = self._settings, self._shared
        return {
            "id": self._id,
            "seq": self._sequence,
            "leaving": leaving,
            "held": running + reserved,
            "demand": running + queued,
            "wanted": self._wanted,
            "given_back": sorted(self.reservations.given_back),
            "throttled": self._throttled > self._throttled_told,
            "blocked": microseconds(max(0.0, self._closed_until - now)),
            "requests": settings.requests,
            "concurrency": settings.concurrency,
            "gap": microseconds(settings.min_gap_seconds),
            "max_processes": shared.max_processes,
            "window": microseconds(settings.window_seconds),
            "span": microseconds(self._span),
        }

    # -- answers ----------------------------------------------------------------------------------

    def accept_answer(self, answer: list[int], given_back: list[int], received: float) -> None:
        """Apply an answer: this process is a member and has these starts."""
        server, allowed, tokens_left, members, permits, retry, *instants = answer
        self.mode, self._own_part, self._failures = Mode.JOINED, None, 0
        self.members, self._permits = members, permits
        self._allowed, self._tokens_left = allowed, tokens_left
        self._throttled_told = self._throttled_sent
        self.reservations.given_back.difference_update(given_back)
        self.reservations.clock.observe(self._sent, received, server / MICRO)
        self.reservations.add(instants)
        if received < self._closed_until:
            self.reservations.give_back_all()
        in_vain = bool(self._wanted) and not instants
        self._waits_for_permit = in_vain and retry == 0
        wait = (retry / MICRO or _IN_VAIN_SECONDS) if in_vain else 0.0
        self._ask_from = received + wait

    def lose_redis(self, now: float) -> None:
        """Go on without Redis. Reserved starts may still be used: Redis has counted them."""
        self._failures += 1
        if self.mode is not Mode.JOINED:
            return
        self.mode = Mode.ALONE
        if self._shared.without_redis == "wait":
            return
        part = self._shared.max_processes
        self._own_part = LocalPlan(
            replace(
                self._settings,
                requests=self._settings.requests // part,
                concurrency=self._settings.concurrency // part,
            )
        )
        self._own_part.close_until(max(now + self.alone_after_seconds, self._closed_until))

    def leave(self) -> None:
        """Start nothing: Redis has no place for this process."""
        self.mode, self._own_part, self._failures = Mode.OUTSIDE, None, 0
        self.reservations.forget_all()

    @property
    def alone_after_seconds(self) -> float:
        """The seconds from the loss of Redis to the first start on the own part.

        By then no window holds a start that any process had reserved. A Redis that comes back later has
        heard no process for ``SILENCE_SECONDS``, so it stays closed until all have left their own parts.
        """
        return max(
            HORIZON_SECONDS + self._span + CALL_SECONDS,
            SILENCE_SECONDS + ALONE_SECONDS + MARGIN_SECONDS,
        )
