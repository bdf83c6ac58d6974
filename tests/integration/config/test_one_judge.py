"""The load test and the pipeline, given the same answers by a real server, call them the same."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from config.customerio.answers import Meaning, judge
from config.customerio.paths import BATCH_PATH, ENTITY_PATH, CallKind, customer_path
from pipeline.client import RetryPolicy, TrackClient
from pipeline.outcome import (
    BudgetSpentError,
    Delivered,
    Held,
    Outcome,
    RedirectedError,
    Refused,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from tests.programs.track_client import client_of, run
from tests.servers.odd_server import OddServer, batch, identify, says
from users.outcome import failure_kind

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = ["a", "b", "c"]
REQUESTS: dict[CallKind, tuple[str, str, Any]] = {
    CallKind.V1: ("PUT", customer_path("a"), {}),
    CallKind.ENTITY: ("POST", ENTITY_PATH, {}),
    CallKind.BATCH: ("POST", BATCH_PATH, {"batch": [{}] * len(PEOPLE)}),
}
NAMES_ONE = json.dumps({"errors": [{"batch_index": 1, "reason": "invalid", "field": "id"}]}).encode()
BODIES = [
    b"{}\n", b"{}", b"", b" ", b"<html>Sign in</html>", b"[]", b"null", b'{"errors":[]}', b'{"errors":null}',
    NAMES_ONE, b'{"errors":[{"batch_index":9}]}', b'{"errors":"no"}', b'{"meta":{"error":"no"}}',
    b'{"meta":{"errors":["no"]}}', b'{"errors":[null]}',
]  # fmt: skip
ANSWERS = [
    *((status, body) for status in (200, 201, 202, 203, 206, 207, 226, 299, 400) for body in BODIES),
    *((status, b"") for status in (204, 205, 301, 302, 307, 308, 401, 403, 404, 405, 408, 413, 422, 429)),
    *((status, b"<html>") for status in (413, 422, 429, 500, 502, 503, 522, 599)),
]  # fmt: skip


async def meaning_to_pipeline(client: TrackClient, call: CallKind, words: list[str]) -> Meaning:
    """What the pipeline does about the answer that the server gives first."""
    words.clear()
    try:
        outcomes: list[Outcome | Held]
        match call:
            case CallKind.V1:
                outcomes = [await client.send(identify("a"))]
            case CallKind.ENTITY:
                outcomes = [await client.send_entity(identify("a"))]
            case CallKind.BATCH:
                outcomes = await client.send_batch(batch(*PEOPLE))
    except UnauthorizedError:
        return Meaning.UNAUTHORIZED
    except RedirectedError:
        return Meaning.REDIRECTED
    except UnexpectedAnswerError:
        return Meaning.UNEXPECTED
    except BudgetSpentError as error:
        if "names no reason" in error.last:
            return Meaning.DOUBTFUL
        return Meaning.FOREIGN if "not Customer.io's" in error.last else Meaning.RETRY
    if words:
        assert words[0].startswith("unreadable_")
        return Meaning.DOUBTFUL
    if outcomes == [Delivered(1)] * len(outcomes):
        return Meaning.ACCEPTED
    if any(isinstance(outcome, Refused) and outcome.status == 400 for outcome in outcomes):
        return Meaning.REFUSED
    statuses = {outcome.status for outcome in outcomes if isinstance(outcome, Refused)}
    if not statuses:
        # Nobody was named in a batch, so that it went in halves.
        return Meaning.REFUSED
    return Meaning.REFUSED if statuses <= {413, 422} else Meaning.PARTLY_REFUSED


async def kinds_to_load_test(url: str, requests: list[tuple[str, str, Any]]) -> list[str | None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.programs.load_test_calls", url, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate(json.dumps(requests).encode())
    assert process.returncode == 0
    kinds: list[str | None] = json.loads(output)
    return kinds


@pytest.mark.parametrize("call", CallKind)
def test_both_callers_judge_a_real_answer_alike(call: CallKind) -> None:
    items = len(PEOPLE) if call is CallKind.BATCH else 1
    judgements = [judge(status, body, call, items) for status, body in ANSWERS]
    words: list[str] = []

    async def main() -> None:
        server = OddServer()
        once = RetryPolicy(attempts=1)
        async with server.serving(), client_of(server.url, retry=once, on_retry=words.append) as (client, _):
            for (status, body), judgement in zip(ANSWERS, judgements, strict=True):
                server.answers = [says(status, body)]
                meaning = await meaning_to_pipeline(client, call, words)
                assert meaning is judgement.meaning, (status, body)
            server.answers = [says(status, body) for status, body in ANSWERS]
            kinds = await kinds_to_load_test(server.url, [REQUESTS[call]] * len(ANSWERS))
        assert kinds == [failure_kind(judgement) for judgement in judgements]

    run(main())


@pytest.mark.parametrize("status", [200, 202, 207, 299])
def test_the_items_that_a_2xx_does_not_name_are_delivered_and_the_named_one_is_refused(status: int) -> None:
    """The answer that once lost an item: a 200 that names it."""

    async def main() -> None:
        server = OddServer(says(status, NAMES_ONE))
        async with server.serving(), client_of(server.url, retry=RetryPolicy(attempts=1)) as (client, _):
            assert await client.send_batch(batch(*PEOPLE)) == [
                Delivered(1),
                Refused(1, status, "invalid", "id", ""),
                Delivered(1),
            ]
        assert len(server.paths) == 1

    run(main())
