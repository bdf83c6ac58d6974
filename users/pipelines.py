"""pipelines: all calls of the Pipelines API, ``POST /v1/identify``, ``track``, ``page`` and so on."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from config.customerio.hosts import Api
from config.customerio.paths import PIPELINES_PATH
from config.shown import shown
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

_CALLS = ("identify", "track", "page", "screen", "group", "alias", "batch")
_PEOPLE_PER_BATCH = 10


class PipelinesUser(ArrivalUser):
    """Sends the seven calls about one person by turns; the batch is about ten people.

    By default the Pipelines API answers 200 to what it ignores. Set ``STRICT_MODE = "1"`` in the scenario's
    ``env`` to be told. ``CALL`` there sets one call other than the batch.
    """

    abstract = False
    kind = "pipelines"
    api = Api.PIPELINES
    published_limit = None
    env: ClassVar[Mapping[str, str]] = {"CALL": "", "STRICT_MODE": "0"}

    @classmethod
    def check_env(cls, env: Mapping[str, str]) -> None:
        if env["CALL"] not in ("", *_CALLS[:-1]):
            raise ValueError(f"CALL: expected one of {', '.join(_CALLS[:-1])}, got {shown(env['CALL'])}")
        if env["STRICT_MODE"] not in ("0", "1"):
            raise ValueError(f"STRICT_MODE: expected '0' or '1', got {shown(env['STRICT_MODE'])}")

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        # A turn is about one person, and its batch about ten, who come to include that one.
        turns = arrivals // len(_CALLS)
        return max(_PEOPLE_PER_BATCH * turns, math.ceil(arrivals / len(_CALLS)))

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        turn, step = divmod(arrival.number - 1, len(_CALLS))
        name = self.variables["CALL"] or _CALLS[step]
        path = PIPELINES_PATH + name
        if name != "batch":
            return "POST", path, self._single(name, turn + 1, f"{arrival.number}")
        first = turn * _PEOPLE_PER_BATCH + 1
        calls = [
            {"type": name, **self._single(name, number, f"{arrival.number}-{number}-{name}")}
            for number in range(first, first + _PEOPLE_PER_BATCH)
            for name in ("identify", "track")
        ]
        return "POST", path, {"batch": calls}

    def headers(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        return {"X-Strict-Mode": "1"} if self.variables["STRICT_MODE"] == "1" else {}

    def _single(self, name: str, number: int, message: str) -> dict[str, Any]:
        """Return the body of a call about a person; ``message`` tells it from the scenario's other ones."""
        people = self.scenario.people
        person_id = people.id_of(number)
        marks = {"source": "load_test", "_load_test_run": people.run_id}
        call: dict[str, Any] = {
            "userId": person_id,
            "messageId": f"{people.run_id}-{self.scenario.name}-{message}",
            "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        }
        match name:
            case "identify":
                call["traits"] = people.attributes_of(number)
            case "track":
                call |= {"event": "load_test_event", "properties": marks}
            case "page" | "screen":
                call |= {"name": f"load_test_{name}", "properties": marks}
            case "group":
                company = {"name": "Load test company", "_load_test": True, **marks}
                call |= {"groupId": f"company-{people.run_id}-{number}", "traits": company}
            case "alias":
                call["previousId"] = f"visitor-{person_id}"
        return call
