"""A followed file is a queue without a broker: lines are delivered as they are written, until a signal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.worker.command import main
from tests.programs.command_line import mistake
from tests.programs.pipeline_worker import WorkerProcess
from tests.programs.waiting import wait_until
from tests.servers.standin_server import StandinServer


@pytest.fixture(scope="module")
def standin() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


def line(number: int) -> bytes:
    message = {"type": "track", "userId": "ada", "payload": {"event": "step", "properties": {"n": number}}}
    return json.dumps(message).encode() + b"\n"


def follow(standin: StandinServer, path: Path, **more: str) -> WorkerProcess:
    variables = {"CUSTOMERIO_BASE_URL": standin.url, "BATCH_WAIT_MS": "0", **more}
    return WorkerProcess(variables, "--from", str(path), "--follow")


def test_lines_are_delivered_as_they_are_written_and_after_a_kill_those_that_are_left(
    standin: StandinServer, tmp_path: Path
) -> None:
    path = tmp_path / "queue.jsonl"
    path.touch()
    standin.reset()
    with follow(standin, path) as worker, path.open("ab", buffering=0) as queue:
        for count in (1, 2):
            queue.write(line(count))
            wait_until("it is delivered", 20, lambda: standin.stats()["events"] == count)  # noqa: B023
        queue.write(line(3)[:20])
        # A line that is not whole yet is no message.
        wait_until("the position is kept", 20, lambda: b'"delivered":2' in position(path))
        worker.kill()
        queue.write(line(3)[20:] + line(4) + b"no message\n")
    with follow(standin, path) as worker:
        wait_until("the rest is delivered", 20, lambda: standin.stats()["events"] == 4)
        wait_until("the dead letter is there", 20, lambda: Path(f"{path}.dead.jsonl").exists())
        worker.terminate()
        assert worker.wait(10) == 1
        assert "4 delivered, 1 dead letters" in worker.output()
    assert standin.stats()["duplicates"] == 0


def test_a_stop_is_in_order_only_if_nothing_is_left(standin: StandinServer, tmp_path: Path) -> None:
    path = tmp_path / "queue.jsonl"
    path.write_bytes(line(1))
    with follow(standin, path) as worker:
        wait_until("it is delivered", 20, lambda: b'"delivered":1' in position(path))
        worker.terminate()
        assert worker.wait(10) == 0
        assert "1 delivered, 0 dead letters\n" in worker.output()
    with path.open("ab") as queue:
        queue.write(b"".join(line(number) for number in range(2000)))
    with follow(standin, path, LIMIT_REQUESTS="1", BATCH_SIZE="1") as worker:
        wait_until("it delivers", 20, lambda: b'"delivered":1,' not in position(path))
        worker.terminate()
        assert worker.wait(10) == 1
        assert "stopped before the end at byte" in worker.output()


def position(path: Path) -> bytes:
    """Return the text of the file that keeps the position, without spaces; empty before it exists."""
    kept = Path(f"{path}.position")
    return kept.read_bytes().replace(b" ", b"") if kept.exists() else b""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--follow"], "--position, --dead-letters, --follow: expected together with --from"),
        (["--follow", "--from", "-"], "--follow: expected a file with --from"),
        (["--until-stdin-closes", "--from", "-"], "--until-stdin-closes: expected a file or a topic"),
    ],
    ids=["without a source", "standard input", "ending with the source"],
)
def test_a_mistake_is_one_line(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUSTOMERIO_BASE_URL", "http://127.0.0.1:1")
    assert problem in mistake(main, arguments, capsys)
