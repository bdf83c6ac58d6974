"""A second locustfile: writes every response time that Locust reports, to check percentiles against."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from locust import events

_samples: dict[str, list[float]] = {}


def _on_request(name: str, response_time: float, **_: Any) -> None:
    _samples.setdefault(name, []).append(response_time)


def _on_quitting(**_: Any) -> None:
    # A process of many has a file of its own.
    Path(f"{os.environ['RAW_SAMPLES_FILE']}.{os.getpid()}").write_text(json.dumps(_samples))


events.request.add_listener(_on_request)
events.quitting.add_listener(_on_quitting)
