"""Messages that nobody of a cluster sends: random ones, and those that reach for a weak place."""

from __future__ import annotations

import math
import random
from typing import Any

import msgpack  # type: ignore[import-untyped] # no types are published

RANDOM_MESSAGES = 200


def random_bodies(seed: int) -> list[bytes]:
    """Return bodies of random bytes, and of random plain data where a message should be."""
    source = random.Random(seed)
    bodies = [source.randbytes(source.randrange(0, 200)) for _ in range(RANDOM_MESSAGES // 2)]
    return bodies + [msgpack.dumps(_random_data(source, 4)) for _ in range(RANDOM_MESSAGES // 2)]


def _random_data(source: random.Random, depth: int) -> Any:
    scalars = [None, True, -1, 2**63, 1.5, math.nan, math.inf, "text", b"bytes", ""]
    kind = source.randrange(3) if depth else 0
    if kind == 1:
        return [_random_data(source, depth - 1) for _ in range(source.randrange(4))]
    if kind == 2:
        return {str(n): _random_data(source, depth - 1) for n in range(source.randrange(4))}
    return source.choice(scalars)


def hand_made_bodies(sender: str, run_id: str) -> list[bytes]:
    """Return thirty messages of known kinds whose content no handler can take.

    Args:
        sender: the id that they claim to come from.
        run_id: of the run that is going, or any.
    """
    report = {
        "wire": 1,
        "run_id": run_id,
        "sent": 1.0,
        "now": 1.0,
        "epochs_known": 1,
        "is_started": True,
        "is_ready": True,
        "is_done": True,
        "is_final": True,
        "length": 1.0,
        "counts": {},
        "vus_busy": {},
        "seconds_sent": 0,
    }
    second = {"wire": 1, "run_id": run_id, "number": 0, "second": 0, "cpu": 1.0, "cells": []}
    messages: list[tuple[object, object]] = [
        ("client_ready", None),
        ("client_ready", {"version": 1}),
        ("heartbeat", None),
        ("heartbeat", {"state": "running"}),
        ("heartbeat", {"state": "running", "current_cpu_usage": "hot"}),
        ("stats", None),
        ("stats", {"stats": 1}),
        ("stats", {"user_classes_count": {"x": "y"}}),
        ("spawning_complete", "all"),
        ("exception", 7),
        ("logs", [1, 2]),
        ("quit", None),
        ("client_stopped", None),
        ("load_test_hello", None),
        ("load_test_hello", {"wire": 1, "code": 1, "host": 2, "python": 3, "profile": 4}),
        ("load_test_counts", {}),
        ("load_test_counts", {**report, "wire": 99}),
        ("load_test_counts", {**report, "length": "long"}),
        ("load_test_counts", {**report, "length": math.nan}),
        ("load_test_counts", {**report, "now": math.inf}),
        ("load_test_counts", {**report, "counts": {"identify_load": {"at": 1.0, "started": 10**9}}}),
        ("load_test_metrics", {**second, "second": 2_000_000_000}),
        ("load_test_metrics", {**second, "second": "now"}),
        ("load_test_metrics", {**second, "number": -1}),
        ("load_test_metrics", {**second, "cells": [["start_lag", [], [1, math.nan, 0, 0, b""]]]}),
        ("load_test_metrics", {**second, "cells": [["http_reqs", [], [1]]]}),
        ("load_test_leaving", {"wire": 1, "run_id": ["x"]}),
        ("no_such_message", {"deep": [[[[[]]]]]}),
        (7, 7),
        (None, None),
    ]
    return [msgpack.dumps([kind, data, sender]) for kind, data in messages]
