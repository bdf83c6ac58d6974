"""What the kinds of user for the App API, the Pipelines API and receivers send."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping

import pytest
from locust.env import Environment

from config.customerio.limits import limit
from config.scenario_options import ConstantArrivalRate
from engine.locust_host import LocustHost
from metrics.store import MetricStore
from run.made_up_people import made_up_people
from shapes.clock import Arrival, ArrivalClock
from shapes.rate_options import schedule_of
from users.arrival_user import ArrivalUser
from users.broadcast import BroadcastUser
from users.failure_log import FailureLog
from users.http.factory import HttpClient
from users.people import PeoplePool
from users.pipelines import PipelinesUser
from users.scenario import Scenario, SignIn
from users.transactional import TransactionalUser
from users.transport import json_content
from users.webhook import WebhookUser


def vu(user: type[ArrivalUser], **env: str) -> ArrivalUser:
    options = ConstantArrivalRate.model_validate(
        {
            "executor": "constant-arrival-rate",
            "user": user.kind,
            "rate": 1,
            "duration": "1s",
            "pre_allocated_vus": 1,
            "env": env,
        }
    )
    environment = Environment()
    environment.create_local_runner()
    scenario = Scenario(
        "load",
        options,
        ArrivalClock(schedule_of(options)),
        MetricStore(),
        PeoplePool("run-1", made_up_people(seed=1)),
        FailureLog(),
        SignIn("", base_url="http://127.0.0.1:9", path="/cio", signing_key="key"),
        HttpClient.FAST,
        LocustHost(environment, Namespace(json=False)),
    )
    return user.for_scenario(scenario)(environment)


def calls(user: ArrivalUser, count: int) -> list[tuple[str, str, Mapping[str, object]]]:
    return [user.call(Arrival(number, 0.0)) for number in range(1, count + 1)]


def test_messages_go_to_the_three_channels_by_turns_and_reach_nobody() -> None:
    sent = calls(vu(TransactionalUser), 4)
    assert [path for _, path, _ in sent] == [
        f"/v1/send/{channel}" for channel in ("email", "push", "sms", "email")
    ]
    people = [body["identifiers"] for _, _, body in sent]
    assert people == [{"id": f"load-test-run-1-{number}"} for number in range(1, 5)]
    assert str(sent[0][2]["to"]).endswith("@example.com")
    assert str(sent[2][2]["to"]).startswith("+120255501")
    assert "to" not in sent[1][2]


def test_a_scenario_chooses_channel_and_message() -> None:
    sent = calls(vu(TransactionalUser, CHANNEL="sms", TRANSACTIONAL_MESSAGE_ID="welcome"), 3)
    assert {path for _, path, _ in sent} == {"/v1/send/sms"}
    assert {body["transactional_message_id"] for _, _, body in sent} == {"welcome"}


def test_a_broadcast_always_names_its_recipients() -> None:
    (_, path, first), (_, _, second) = calls(vu(BroadcastUser, BROADCAST_ID="12"), 2)
    assert path == "/v1/campaigns/12/triggers"
    recipients = [first["ids"], second["ids"]]
    assert recipients == [
        [f"load-test-run-1-{number}" for number in range(1, 11)],
        [f"load-test-run-1-{number}" for number in range(11, 21)],
    ]


def test_the_seven_pipelines_calls_go_by_turns_within_their_limits() -> None:
    user = vu(PipelinesUser, STRICT_MODE="1")
    sent = calls(user, 14)
    names = ["identify", "track", "page", "screen", "group", "alias", "batch"]
    assert [path for _, path, _ in sent] == [f"/v1/{name}" for name in names * 2]
    assert [body.get("userId") for _, _, body in sent[:6]] == ["load-test-run-1-1"] * 6
    for _, path, body in sent:
        most = limit("pipelines_batch_bytes" if path == "/v1/batch" else "pipelines_call_bytes")
        assert len(json_content(body)) < most
    singles = [body for _, _, body in sent if "batch" not in body]
    batches = [body["batch"] for _, _, body in sent if "batch" in body]
    in_batches = [call for batch in batches if isinstance(batch, list) for call in batch]
    ids = [call["messageId"] for call in (*singles, *in_batches)]
    assert len(set(ids)) == len(ids) == 12 + 2 * 20
    assert user.headers({}) == {"X-Strict-Mode": "1"}
    assert vu(PipelinesUser).headers({}) == {}


def test_webhooks_tell_what_becomes_of_one_message_after_another() -> None:
    sent = calls(vu(WebhookUser), 6)
    assert {path for _, path, _ in sent} == {"/cio"}
    bodies = [json.loads(json_content(body)) for _, _, body in sent]
    assert [body["metric"] for body in bodies] == ["sent", "delivered", "opened"] * 2
    assert len({body["event_id"] for body in bodies}) == 6
    deliveries = [body["data"]["delivery_id"] for body in bodies]
    assert deliveries[:3] == deliveries[:1] * 3
    assert deliveries[3:] == deliveries[3:4] * 3 != deliveries[:3]


@pytest.mark.parametrize(
    ("user", "env", "problem"),
    [
        (TransactionalUser, {"CHANNEL": "fax"}, "CHANNEL: expected one of email, push, sms, got 'fax'"),
        (TransactionalUser, {"TRANSACTIONAL_MESSAGE_ID": ""}, "TRANSACTIONAL_MESSAGE_ID: expected the id"),
        (BroadcastUser, {"BROADCAST_ID": "x"}, "BROADCAST_ID: expected the number"),
        (PipelinesUser, {"CALL": "send"}, "CALL: expected one of identify, track"),
        (PipelinesUser, {"STRICT_MODE": "yes"}, "STRICT_MODE: expected '0' or '1', got 'yes'"),
        (PipelinesUser, {"STRICT": "1"}, "the user 'pipelines' has no 'STRICT'; expected CALL, STRICT_MODE"),
        (WebhookUser, {"RETRY_PAUSE": "soon"}, "RETRY_PAUSE: expected"),
    ],
    ids=["channel", "message", "broadcast", "call", "strict", "unknown", "pause"],
)
def test_a_mistake_in_env_is_named(user: type[ArrivalUser], env: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        user.read_env(env)
