"""Requests made from the stand-in's own description: none makes it fail, and every answer is described."""

from __future__ import annotations

import asyncio
import json
import random
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from jsonschema import Draft202012Validator

from standin.app import StandIn
from standin.control import Control
from standin.credentials import RequiredCredentials
from standin.description import description
from standin.endpoint import Auth, Endpoint
from standin.faults import Faults
from standin.routes import ENDPOINTS
from tests.programs.from_schema import draw

AUTHORIZATION = {
    Auth.NONE: b"",
    Auth.SITE: b"Basic c2l0ZTprZXk=",
    Auth.APP_KEY: b"Bearer key",
    Auth.WRITE_KEY: b"Basic a2V5Og==",
}
DESCRIPTION = description()
EXAMPLES = 10
# What the limits in bytes forbid, and a schema that counts characters cannot.
BEYOND_BYTES = re.compile(r"bytes, at most \d+ are allowed")
NO_OBJECT = (b"", b"[]", b"null", b"1e999", b"NaN", b'"\\ud800"', b"{", b"\xff", b'{"batch":', b"[" * 5000)
WRONG_VALUES: tuple[Any, ...] = (None, [], 0.5)


class Caller:
    """Calls the application as a server would, without one."""

    def __init__(self) -> None:
        self._app = StandIn(Control(Faults(app_limits=False)), RequiredCredentials())

    def __call__(
        self,
        endpoint: Endpoint,
        source: random.Random,
        body: bytes,
        *,
        strict: bool = True,
        authorization: bytes | None = None,
    ) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request with drawn parameters."""
        if authorization is None:
            authorization = AUTHORIZATION[endpoint.auth]
        scope = {
            "type": "http",
            "scheme": "http",
            "method": endpoint.method,
            "raw_path": draw_path(endpoint, source).encode(),
            "query_string": draw_query(endpoint, source).encode(),
            "headers": [
                (b"host", b"localhost"),
                (b"authorization", authorization),
                (b"content-type", b"application/json"),
                (b"x-strict-mode", b"1" if strict else b"0"),
            ],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self._app(scope, receive, send))
        return sent[0]["status"], sent[1]["body"]


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = DESCRIPTION["paths"][endpoint.path][endpoint.method.lower()]
    return operation


def body_schema(endpoint: Endpoint) -> Any:
    content = operation_of(endpoint).get("requestBody", {"content": {}})["content"]
    return content.get("application/json", {}).get("schema")


def is_described(endpoint: Endpoint, status: int, body: bytes) -> bool:
    """Whether the description has the status, and the body has the status's form."""
    response = operation_of(endpoint)["responses"].get(str(status))
    if response is None:
        return False
    if "content" not in response:
        return body == b""
    schema = response["content"]["application/json"]["schema"] | {"components": DESCRIPTION["components"]}
    return bool(Draft202012Validator(schema).is_valid(json.loads(body)))


def draw_path(endpoint: Endpoint, source: random.Random) -> str:
    parts = []
    for segment in endpoint.segments:
        if not segment.startswith("{"):
            parts.append(segment)
        elif segment == "{segment_id}":
            parts.append(str(source.randint(1, 2**31 - 1)))
        elif segment == "{suppression_type}":
            parts.append(source.choice(("blocks", "bounces")))
        elif segment == "{email}":
            parts.append("ada%40example.com")
        else:
            # Few ids, so that a read now and then finds what a write has left.
            parts.append(quote(source.choice(("1", "2", "a/b c", "é€", "cio_1")), safe=""))
    return "/" + "/".join(parts)


def draw_query(endpoint: Endpoint, source: random.Random) -> str:
    parameters = [each for each in operation_of(endpoint)["parameters"] if each["in"] == "query"]
    return urlencode(
        {
            parameter["name"]: draw(parameter["schema"], source)
            for parameter in parameters
            if parameter["required"] or source.random() < 0.5
        }
    )


@pytest.fixture(scope="module")
def caller() -> Caller:
    return Caller()


def test_the_description_is_that_of_the_routes() -> None:
    operations = [operation for path in DESCRIPTION["paths"].values() for operation in path.values()]
    assert sorted(operation["operationId"] for operation in operations) == (
        sorted(endpoint.name for endpoint in ENDPOINTS)
    )
    for endpoint in ENDPOINTS:
        Draft202012Validator.check_schema(body_schema(endpoint) or {})


def test_an_answer_in_another_form_is_not_described() -> None:
    identify, entity = ENDPOINTS[0], next(each for each in ENDPOINTS if each.name == "entity")
    assert is_described(identify, 400, b'{"meta": {"errors": ["x"]}}')
    assert not is_described(identify, 400, b'{"meta": {"error": "x"}}')
    assert not is_described(identify, 400, b'{"errors": [{"reason": "x"}]}')
    assert is_described(entity, 400, b'{"errors": [{"reason": "x", "field": "y", "message": "z"}]}')
    assert not is_described(identify, 200, b"[]")
    assert not is_described(identify, 404, b'{"meta": {"error": "x"}}')


@pytest.mark.parametrize("seed", range(3))
def test_what_the_description_allows_is_accepted(caller: Caller, seed: int) -> None:
    source = random.Random(seed)
    for endpoint in ENDPOINTS * (EXAMPLES // 2):
        schema = body_schema(endpoint)
        body = b"" if schema is None else json.dumps(draw(schema, source)).encode()

        status, answer = caller(endpoint, source, body)

        asked = (endpoint.name, body, status, answer)
        assert is_described(endpoint, status, answer), asked
        assert status in endpoint.statuses or BEYOND_BYTES.search(answer.decode()), asked


def test_what_it_does_not_allow_is_answered_as_described(caller: Caller) -> None:
    """No object at all, objects of any other operation, and those without one of their properties."""
    source = random.Random(0)
    schemas = [schema for endpoint in ENDPOINTS if (schema := body_schema(endpoint)) is not None]
    for endpoint in ENDPOINTS:
        schema = body_schema(endpoint) or {}
        whole = draw(schema, source) if schema.get("type") == "object" else {}
        bodies = [
            *NO_OBJECT,
            *(json.dumps(draw(source.choice(schemas), source)).encode() for _ in range(3)),
            *(json.dumps(whole | {name: wrong}).encode() for name in whole for wrong in WRONG_VALUES),
        ]
        for body in bodies:
            for strict in {True, endpoint.auth is not Auth.WRITE_KEY}:
                status, answer = caller(endpoint, source, body, strict=strict)

                assert is_described(endpoint, status, answer), (endpoint.name, body, status, answer)
                assert strict or status == 200


def test_wrong_credentials_are_answered_as_described(caller: Caller) -> None:
    for endpoint in ENDPOINTS:
        status, answer = caller(endpoint, random.Random(0), b"{}", authorization=b"Digest x")

        assert is_described(endpoint, status, answer)
        assert (status == 401) is (endpoint.auth is not Auth.NONE)
        if endpoint.auth is Auth.WRITE_KEY:
            assert caller(endpoint, random.Random(0), b"{}", strict=False, authorization=b"")[0] == 200
