"""Customer.io's own Python client for the App API against the stand-in, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from customerio import (
    APIClient,
    CustomerIOException,
    SendEmailRequest,
    SendInAppRequest,
    SendInboxMessageRequest,
    SendPushRequest,
    SendSMSRequest,
    SendWhatsAppRequest,
)

from tests.servers.standin_server import StandinServer

PERSON = {"transactional_message_id": 3, "identifiers": {"id": "ada"}, "message_data": {"name": "Ada"}}


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer("--tls") as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    server.set_faults(error_share=0.0, reset_share=0.0, hang_share=0.0)
    return server


@pytest.fixture
def client(standin: StandinServer) -> Iterator[Any]:
    with client_of(standin) as client:
        yield client


def client_of(standin: StandinServer, **options: Any) -> Any:
    client = APIClient("key", url=standin.url, **options)
    client.http.verify = standin.ca_file
    client.http.trust_env = False
    return client


def test_every_send_is_kept(standin: StandinServer, client: Any) -> None:
    email = SendEmailRequest(**PERSON, to="ada@example.com", subject="Hello")
    email.attach("a.txt", "text")
    answers = [
        client.send_email(email),
        client.send_push(SendPushRequest(**PERSON, title="Hello")),
        client.send_sms(SendSMSRequest(**PERSON, to="+15550100")),
        client.send_whatsapp(SendWhatsAppRequest(**PERSON, to="+15550100")),
        client.send_inbox_message(SendInboxMessageRequest(**PERSON)),
        client.send_in_app(SendInAppRequest(**PERSON)),
    ]

    sends = [name for name in dir(APIClient) if name.startswith("send_") and name != "send_request"]
    assert len(answers) == len(sends)
    assert len({answer["delivery_id"] for answer in answers}) == len(answers)
    assert standin.stats()["deliveries"] == dict.fromkeys(
        ("email", "push", "sms", "whatsapp", "inbox_message", "in_app"), 1
    )
    message_id = answers[0]["delivery_id"]
    stored = client.send_request("GET", f"{standin.url}/v1/messages/{message_id}/archived_message", {})
    body = stored.json()["archived_message"]["body"]
    assert (body["to"], body["subject"], body["attachments"]) == (
        "ada@example.com",
        "Hello",
        {"a.txt": "dGV4dA=="},
    )


def test_a_send_without_a_person_is_refused(standin: StandinServer, client: Any) -> None:
    with pytest.raises(CustomerIOException, match=r"400: .*identifiers: expected an object"):
        client.send_email({"transactional_message_id": 3, "to": "ada@example.com"})

    assert standin.stats()["deliveries"] == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reply_to", ["ada@example.com"]),
        ("plaintext_body", 1),
        ("send_to_unsubscribed", "yes"),
        ("queue_draft", 0),
        ("custom_data", "text"),
        ("headers", [{"name": "X-Tag", "value": "a"}]),
    ],
)
def test_an_option_of_another_type_is_refused(
    standin: StandinServer, client: Any, name: str, value: Any
) -> None:
    with pytest.raises(CustomerIOException, match=f"400: .*{name}: expected"):
        client.send_email({**PERSON, "to": "ada@example.com", name: value})

    assert standin.stats()["deliveries"] == {}


@pytest.mark.parametrize("headers", [{"X-Tag": "a"}, '[{"name": "X-Tag", "value": "a"}]'])
def test_headers_are_an_object_or_json_in_a_string(standin: StandinServer, client: Any, headers: Any) -> None:
    client.send_email({**PERSON, "to": "ada@example.com", "headers": headers})

    assert standin.stats()["deliveries"] == {"email": 1}


@pytest.mark.parametrize(
    ("fault", "outcome", "attempts"),
    [("error_share", "500", 4), ("reset_share", "reset", 4), ("hang_share", "hung", 2)],
)
def test_it_retries(standin: StandinServer, fault: str, outcome: str, attempts: int) -> None:
    """The default is four attempts; a hang costs its timeout each time, so there are two here."""
    standin.set_faults(**{fault: 1.0})
    retries = {"retries": attempts - 1}

    with client_of(standin, timeout=1, **retries) as client, pytest.raises(CustomerIOException):
        client.send_sms(SendSMSRequest(**PERSON))

    statuses = standin.stats()["statuses"]
    assert statuses.get(outcome, 0) + statuses.get("disconnected", 0) == attempts
    assert standin.stats()["requests_total"] == attempts


def test_it_waits_as_long_as_a_429_says(standin: StandinServer, client: Any) -> None:
    """The App API says so with ``Retry-After``; the client then comes back."""
    standin.set_faults(rate_limit=1, retry_after=True)
    try:
        for _ in range(2):
            client.send_sms(SendSMSRequest(**PERSON))
    finally:
        standin.set_faults(rate_limit=None, retry_after=False)

    assert standin.stats()["deliveries"] == {"sms": 2}


def test_one_broadcast_in_ten_seconds(standin: StandinServer) -> None:
    def trigger() -> requests.Response:
        return requests.post(
            f"{standin.url}/v1/campaigns/12/triggers",
            json={"data": {}},
            headers={"Authorization": "Bearer key"},
            verify=standin.ca_file,
            timeout=10,
        )

    accepted, refused = trigger(), trigger()

    assert accepted.json() == {"id": 1}
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert refused.json() == {"meta": {"error": "Too many requests"}}
    assert standin.stats()["broadcasts"] == 1
