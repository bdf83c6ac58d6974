"""transactional: a message to a person, App API ``POST /v1/send/email``, ``push`` and ``sms``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from config.customerio.hosts import Api
from config.shown import shown
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

_CHANNELS = ("email", "push", "sms")
# Of the numbers that North America keeps for fiction, so that no message reaches a telephone.
_FICTIONAL_NUMBER = "+1202555{:04}"
_FIRST_FICTIONAL, _FICTIONAL_NUMBERS = 100, 100


class TransactionalUser(ArrivalUser):
    """Sends a message to person n at arrival n: an e-mail, a push and an SMS by turns.

    A scenario's ``env`` sets one channel with ``CHANNEL``, and the message with ``TRANSACTIONAL_MESSAGE_ID``.
    """

    abstract = False
    kind = "transactional"
    api = Api.APP
    may_trigger = "messages to the run's people, who have no real address"
    published_limit = "app_transactional_per_second"
    env: ClassVar[Mapping[str, str]] = {"CHANNEL": "", "TRANSACTIONAL_MESSAGE_ID": "1"}

    @classmethod
    def check_env(cls, env: Mapping[str, str]) -> None:
        if env["CHANNEL"] not in ("", *_CHANNELS):
            raise ValueError(f"CHANNEL: expected one of {', '.join(_CHANNELS)}, got {shown(env['CHANNEL'])}")
        if not env["TRANSACTIONAL_MESSAGE_ID"]:
            raise ValueError("TRANSACTIONAL_MESSAGE_ID: expected the id or the name of a message")

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people, env = self.scenario.people, self.variables
        channel = env["CHANNEL"] or _CHANNELS[(arrival.number - 1) % len(_CHANNELS)]
        person_id = people.id_of(arrival.number)
        message: dict[str, Any] = {
            "transactional_message_id": env["TRANSACTIONAL_MESSAGE_ID"],
            "identifiers": {"id": person_id},
            "message_data": {"source": "load_test", "_load_test_run": people.run_id},
        }
        if channel == "email":
            message["to"] = people.attributes_of(arrival.number)["email"]
        elif channel == "sms":
            message["to"] = _FICTIONAL_NUMBER.format(_FIRST_FICTIONAL + arrival.number % _FICTIONAL_NUMBERS)
        return "POST", f"/v1/send/{channel}", message
