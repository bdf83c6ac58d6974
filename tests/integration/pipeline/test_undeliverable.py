"""One operation that Customer.io cannot take: it stands alone in the end, and nobody waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from config.customerio.paths import REGION_PATH
from pipeline.dead_letter import DeadLetter
from tests.programs.pipeline_worker import WorkerProcess
from tests.programs.track_client import run
from tests.programs.waiting import until
from tests.servers.odd_server import Answer, OddServer, breaks_off, says

QUICK = {
    "BATCH_WAIT_MS": "20",
    "UNDELIVERABLE_PAUSE_MS": "5",
    "UNDELIVERABLE_ATTEMPTS": "6",
    "LIMIT_MIN_GAP_MS": "0",
    "LIMIT_REQUESTS": "2000",
    "LOG_FORMAT": "json",
}


def event(person: str, sequence: int, **properties: Any) -> dict[str, Any]:
    payload = {"event": "step", "properties": {"sequence": sequence, **properties}}
    return {"type": "track", "userId": person, "payload": payload}


def steps(path: str, body: Any) -> list[tuple[str, int, bool]]:
    """Person, sequence and whether it is bad, of each event in a request's body."""
    if path.endswith("/events"):
        events = [(path.split("/")[4], body["data"])]
    else:
        items = body.get("batch", [body])
        events = [
            (item["identifiers"]["id"], item["attributes"]) for item in items if item.get("action") == "event"
        ]
    return [(person, data["sequence"], data.get("bad", False)) for person, data in events]


class Picky(OddServer):
    """Takes every request but those that carry a bad event, which get ``refusal``; ``taken`` is what it took.

    While ``is_away`` is set every write fails; the region is still answered.
    """

    def __init__(self, refusal: Answer) -> None:
        super().__init__()
        self.refusal = refusal
        self.is_away = False
        self.taken: list[tuple[str, int]] = []
        self.refused = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.paths.append(request.path)
        content = steps(request.path, json.loads(body)) if body else []
        if request.path != REGION_PATH and (self.is_away or any(bad for _, _, bad in content)):
            self.refused += 1
            return await (says(503) if self.is_away else self.refusal)(request)
        self.taken += [(person, sequence) for person, sequence, _ in content]
        return await says(200)(request)


def backfill(
    server: OddServer,
    source: Path,
    messages: list[dict[str, Any]],
    use: Callable[[WorkerProcess], Awaitable[None]],
    **variables: str,
) -> None:
    source.write_text("".join(json.dumps(message) + "\n" for message in messages))

    async def main() -> None:
        async with server.serving():
            settings = {**QUICK, "CUSTOMERIO_BASE_URL": server.url, **variables}
            with WorkerProcess(settings, "--from", str(source)) as worker:
                await use(worker)

    run(main())


def letters(source: Path) -> list[DeadLetter]:
    path = Path(f"{source}.dead.jsonl")
    return (
        [DeadLetter.from_json_line(line) for line in path.read_bytes().splitlines()] if path.exists() else []
    )


def logged(worker: WorkerProcess, text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in worker.errors().splitlines() if line.startswith("{")]
    return [line for line in lines if text in line["message"]]


@pytest.mark.parametrize("refusal", [says(500), breaks_off, says(200, b"<html>")])
def test_the_culprit_is_given_up_alone_and_all_others_are_delivered(tmp_path: Path, refusal: Answer) -> None:
    server, source = Picky(refusal), tmp_path / "events.jsonl"
    people = [f"p{number}" for number in range(20)]
    messages = [event(person, sequence) for sequence in range(3) for person in people]
    messages[27] = event("p7", 1, bad=True)
    messages[45] = event("p5", 2, bad=True)

    async def use(worker: WorkerProcess) -> None:
        assert await asyncio.to_thread(worker.wait) == 1
        assert worker.output() == f"events.jsonl: 58 delivered, 2 dead letters in {source}.dead.jsonl\n"
        [split] = logged(worker, "a batch keeps failing while other requests succeed")
        assert split["operations"] == 60
        waits = logged(worker, "waiting for Customer.io to accept an operation that fails alone")
        assert [wait["gives_up_after"] for wait in waits] == [6, 6]

    # All of them are to be in the first batch, however slowly they are read.
    backfill(server, source, messages, use, BATCH_SIZE=str(len(messages)), BATCH_WAIT_MS="1000")
    assert sorted(server.taken) == sorted(
        (person, sequence)
        for sequence in range(3)
        for person in people
        if (person, sequence) not in {("p7", 1), ("p5", 2)}
    )
    assert [step for step in server.taken if step[0] == "p7"] == [("p7", 0), ("p7", 2)]
    for letter in letters(source):
        assert letter.cause == "undeliverable"
        assert letter.attempts > 6
        assert "while others were accepted" in letter.detail
    assert len(letters(source)) == 2


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_later_messages_of_all_others_overtake_the_culprit(tmp_path: Path, api: str) -> None:
    """Without a limit the culprit is never given up; only its own lane waits for it."""
    server, source = Picky(says(500)), tmp_path / "events.jsonl"
    people = [f"p{number}" for number in range(10)]
    messages = [event(person, sequence) for sequence in range(20) for person in people]
    messages[5] = event("p5", 0, bad=True)

    async def use(worker: WorkerProcess) -> None:
        await until(lambda: server.refused > 20)
        await until(lambda: len(server.taken) == 180)
        assert all(person != "p5" for person, _ in server.taken)
        if api == "v2":
            worker.terminate()
            assert await asyncio.to_thread(worker.wait) == 1
            assert "180 delivered, 0 dead letters (" in worker.output()

    backfill(server, source, messages, use, BATCH_SIZE="10", UNDELIVERABLE_ATTEMPTS="0", TRACK_API=api)
    assert letters(source) == []


def test_a_culprit_that_recovers_is_delivered_and_its_lane_keeps_its_order(tmp_path: Path) -> None:
    server, source = Picky(says(500)), tmp_path / "events.jsonl"
    messages = [event("p0", 0, bad=True), event("p1", 0), event("p0", 1), event("p0", 2)]

    async def recovers(request: web.Request) -> web.StreamResponse:
        if server.refused <= 8:
            return await says(500)(request)
        server.taken.append(("p0", 0))
        return await says(200)(request)

    server.refusal = recovers

    async def use(worker: WorkerProcess) -> None:
        assert await asyncio.to_thread(worker.wait) == 0
        assert worker.output() == "events.jsonl: 4 delivered, 0 dead letters\n"

    backfill(server, source, messages, use, UNDELIVERABLE_ATTEMPTS="50")
    assert [step for step in server.taken if step[0] == "p0"] == [("p0", 0), ("p0", 1), ("p0", 2)]


def test_an_outage_gives_nothing_up_not_even_what_was_under_suspicion(tmp_path: Path) -> None:
    """The account's region is answered all the time: reads say nothing about writes."""
    server, source = Picky(says(500)), tmp_path / "events.jsonl"
    messages = [event(f"p{number}", 0) for number in range(10)]
    messages[3] = event("p3", 0, bad=True)

    async def use(worker: WorkerProcess) -> None:
        await until(lambda: len(server.taken) == 9)
        server.is_away = True
        before = server.refused
        # Far more failures than the limit, one after the other.
        await until(lambda: server.refused > before + 24)
        assert letters(source) == []
        server.refusal = says(200)
        server.is_away = False
        assert await asyncio.to_thread(worker.wait) == 0

    backfill(server, source, messages, use)
    assert letters(source) == []


def test_an_outage_from_the_start_splits_nothing(tmp_path: Path) -> None:
    server, source = Picky(says(500)), tmp_path / "events.jsonl"
    server.is_away = True

    async def use(worker: WorkerProcess) -> None:
        await until(lambda: server.refused > 8)
        server.is_away = False
        assert await asyncio.to_thread(worker.wait) == 0
        assert logged(worker, "keeps failing") == []

    backfill(server, source, [event(f"p{number}", 0) for number in range(10)], use)
    assert len(server.taken) == 10
    assert letters(source) == []


def test_long_waits_are_logged_once_with_what_is_waited_for(tmp_path: Path) -> None:
    server, source = OddServer(), tmp_path / "events.jsonl"
    unreadable = [says(200, b"<html>")] * 3
    server.answers = [says(200), *unreadable, says(503, headers={"Retry-After": "7"})]

    async def use(worker: WorkerProcess) -> None:
        await until(lambda: not server.answers)
        await until(lambda: logged(worker, "Retry-After"))
        [wait] = logged(worker, "waiting as long as Customer.io asks for")
        assert (wait["reason"], wait["asked_seconds"]) == ("503", 7)
        [unread] = logged(worker, "waiting for an answer of the Track API that can be read")
        assert unread["status"] == "200"
        worker.terminate()
        await asyncio.to_thread(worker.wait)

    backfill(server, source, [event("p0", 0)], use)
