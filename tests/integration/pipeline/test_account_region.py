"""The account's region is read before the first message; another one than ours stops the worker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from config.customerio.paths import REGION_PATH
from tests.programs.pipeline_worker import WorkerProcess
from tests.programs.track_client import run
from tests.servers.odd_server import OddServer, says

EU = {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 7}
MESSAGE = {"type": "identify", "userId": "ada", "payload": {"plan": "pro"}}


def backfill(source: Path, answer: Any, **variables: str) -> tuple[int, str, list[str]]:
    """Return the exit code, what was written, and the paths that were asked for."""
    source.write_text(json.dumps(MESSAGE) + "\n")
    server = OddServer(says(200, answer))
    results: list[tuple[int, str]] = []

    async def main() -> None:
        async with server.serving():
            settings = {"CUSTOMERIO_BASE_URL": server.url, "BATCH_WAIT_MS": "20", **variables}
            with WorkerProcess(settings, "--from", str(source)) as worker:
                code = await asyncio.to_thread(worker.wait)
                results.append((code, worker.output() + worker.errors()))

    run(main())
    return *results[0], server.paths


@pytest.mark.parametrize(
    ("answer", "region", "setting"),
    [
        (EU, "us", "eu"),
        ({"region": "EU"}, "us", "eu"),
        ({"url": EU["url"]}, "us", "eu"),
        ({"region": "us"}, "eu", "us"),
    ],
)
def test_another_region_stops_it_before_the_first_message(
    tmp_path: Path, answer: Any, region: str, setting: str
) -> None:
    code, text, paths = backfill(tmp_path / "events.jsonl", answer, CUSTOMERIO_REGION=region)
    assert code == 2
    assert paths == [REGION_PATH]
    [line] = [line for line in text.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: CUSTOMERIO_REGION: ")
    assert f"set CUSTOMERIO_REGION={setting}" in line


@pytest.mark.parametrize("answer", [EU, {}, {"region": None}, {"region": 7, "url": "http://["}])
def test_our_region_and_an_answer_that_names_none_are_let_pass(tmp_path: Path, answer: Any) -> None:
    code, text, paths = backfill(tmp_path / "events.jsonl", answer, CUSTOMERIO_REGION="eu")
    assert code == 0, text
    assert len(paths) == 2
