"""The form of Locust's own messages between master and workers, as Locust's handlers expect it.

Locust uses a message without checking it. A message of another form is ignored before a handler gets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from locust.rpc import Message
from locust.runners import (
    STATE_CLEANUP,
    STATE_INIT,
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    STATE_STOPPING,
)
from locust.stats import RequestStats, StatsEntry, StatsError

_STATES = {
    STATE_INIT,
    STATE_SPAWNING,
    STATE_RUNNING,
    STATE_CLEANUP,
    STATE_STOPPING,
    STATE_STOPPED,
    STATE_MISSING,
}


def is_from_worker(message: Message) -> bool:
    """Return whether a master can handle this message."""
    return _fits(_FROM_WORKERS, message)


def is_from_master(message: Message) -> bool:
    """Return whether a worker can handle this message."""
    return _fits(_FROM_MASTERS, message)


def _fits(forms: dict[str, Callable[[Any], bool]], message: Message) -> bool:
    form = forms.get(message.type)
    # Messages that are not Locust's own are checked by their receivers.
    return form is None or form(message.data)


def _is_anything(data: Any) -> bool:
    return True


def _is_nothing(data: Any) -> bool:
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_ready(data: Any) -> bool:
    return data == -1 or (isinstance(data, str) and bool(data))


def _is_heartbeat(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and isinstance(data.get("state"), str)
        and data["state"] in _STATES
        and _is_number(data.get("current_cpu_usage"))
        and _is_number(data.get("current_memory_usage", 0))
    )


def _is_user_counts(data: Any) -> bool:
    return isinstance(data, dict) and all(
        isinstance(name, str) and isinstance(count, int) and not isinstance(count, bool) and count >= 0
        for name, count in data.items()
    )


def _has_user_counts(data: Any) -> bool:
    return isinstance(data, dict) and _is_user_counts(data.get("user_classes_count"))


def _is_stats(data: Any) -> bool:
    if not _has_user_counts(data):
        return False
    try:
        # Merged into a scratch entry first: a merge that fails halfway would leave Locust's statistics wrong.
        for entry in [*data["stats"], data["stats_total"]]:
            stats = RequestStats()
            scratch = StatsEntry(stats, "", "")
            scratch.extend(StatsEntry.unserialize(entry, stats))
            if not _is_number(scratch.total_response_time) or scratch.num_requests < 0:
                return False
        for error in data["errors"].values():
            seen = StatsError.unserialize(error)
            times = (seen.first_seen or 0, seen.last_seen or 0)
            if not all(_is_number(value) for value in (seen.occurrences, *times)):
                return False
    except Exception:  # noqa: BLE001 - on unknown values Locust can raise any exception
        return False
    return True


def _is_logs(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and isinstance(data.get("worker_id"), str)
        and isinstance(data.get("logs"), list)
        and all(isinstance(line, str) for line in data["logs"])
    )


def _is_exception(data: Any) -> bool:
    return isinstance(data, dict) and all(isinstance(data.get(key), str) for key in ("msg", "traceback"))


def _is_locustfile_request(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("version"), str)


def _is_ack(data: Any) -> bool:
    return data is None or (isinstance(data, dict) and isinstance(data.get("index", 0), int))


def _is_spawn(data: Any) -> bool:
    return (
        _has_user_counts(data)
        and _is_number(data.get("timestamp"))
        and isinstance(data.get("host"), str | None)
        and (data.get("stop_timeout") is None or _is_number(data["stop_timeout"]))
        and isinstance(data.get("parsed_options"), dict)
        and all(isinstance(name, str) for name in data["parsed_options"])
    )


def _is_spawning_complete(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("user_count"), int)


_FROM_WORKERS: dict[str, Callable[[Any], bool]] = {
    "client_ready": _is_ready,
    "client_stopped": _is_anything,
    "exception": _is_exception,
    "heartbeat": _is_heartbeat,
    "locustfile": _is_locustfile_request,
    "logs": _is_logs,
    "quit": _is_anything,
    "spawning": _is_anything,
    "spawning_complete": _has_user_counts,
    "stats": _is_stats,
}
_FROM_MASTERS: dict[str, Callable[[Any], bool]] = {
    "ack": _is_ack,
    "heartbeat": _is_anything,
    "quit": _is_anything,
    "reconnect": _is_anything,
    "spawn": _is_spawn,
    "spawning_complete": _is_spawning_complete,
    "stop": _is_anything,
    # It sets any attribute of a user class, such as the host.
    "update_user_class": _is_nothing,
}
