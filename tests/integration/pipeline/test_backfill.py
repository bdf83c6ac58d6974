"""A backfill from a file or a pipe: resumable at any point, nothing lost, nothing doubled at Customer.io."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.dead_letter import DeadLetter
from tests.programs.pipeline_worker import WorkerProcess, health
from tests.programs.waiting import wait_until
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def standin(journal: Path) -> Iterator[StandinServer]:
    with StandinServer("--journal", str(journal)) as running:
        yield running


def settings(standin: StandinServer, **more: str) -> dict[str, str]:
    return {"CUSTOMERIO_BASE_URL": standin.url, "BATCH_WAIT_MS": "50", **more}


def line(number: int) -> bytes:
    """One in a hundred is poison; of each ten of a person the first is an identify."""
    if number % 100 == 99:
        return b"poison %d\n" % number
    person, sequence = f"person-{number % 50}", number // 50
    if sequence % 10 == 0:
        message = {"type": "identify", "userId": person, "payload": {"sequence": sequence}}
    else:
        payload = {"event": "step", "properties": {"sequence": sequence}}
        message = {"type": "track", "userId": person, "payload": payload}
    return json.dumps(message).encode() + b"\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(map(line, range(10_000))))
    return path


def letters(path: Path) -> list[bytes | None]:
    return [DeadLetter.from_json_line(each).value for each in path.read_bytes().splitlines()]


def run(standin: StandinServer, *arguments: str, **more: str) -> tuple[int, str, str]:
    with WorkerProcess(settings(standin, **more), *arguments) as worker:
        return worker.wait(60), worker.output(), worker.errors()


def test_killed_again_and_again_it_goes_on_where_it_was(
    standin: StandinServer, journal: Path, source: Path
) -> None:
    position = Path(f"{source}.position")
    standin.set_faults(error_share=0.05)
    for _ in range(3):
        before = position.read_bytes() if position.exists() else b""
        with WorkerProcess(settings(standin, BATCH_SIZE="30"), "--from", str(source)) as worker:
            wait_until("it has moved", 20, lambda: position.exists() and position.read_bytes() != before)  # noqa: B023
            wait_until("it has moved again", 20, lambda: json.loads(position.read_bytes())["delivered"] > 0)
            worker.kill()
    assert json.loads(position.read_bytes())["offset"] < source.stat().st_size
    code, output, _ = run(standin, "--from", str(source))
    assert code == 1
    assert "9900 delivered, 100 dead letters in" in output

    first: dict[tuple[str, int], str | None] = {}
    standin.stats()
    for entry in StandinServer.journal(journal):
        key = (entry["person"], entry["attributes"]["sequence"])
        assert entry["event_id"] == first.setdefault(key, entry["event_id"])
    assert len(first) == 9900
    for person in {person for person, _ in first}:
        own = [sequence for name, sequence in first if name == person]
        assert own == sorted(own)
    assert letters(Path(f"{source}.dead.jsonl")) == [b"poison %d" % n for n in range(99, 10_000, 100)]

    # Once more: there is nothing left to do.
    events = standin.stats()["items"]
    code, output, _ = run(standin, "--from", str(source))
    assert code == 1
    assert output.endswith(
        f"9900 delivered, 100 dead letters in {source}.dead.jsonl, all by earlier runs, as {position} says\n"
    )
    assert standin.stats()["items"] == events

    # To another workspace it is something else.
    said = mistake(standin, "--from", str(source), CUSTOMERIO_SITE_ID="other", CUSTOMERIO_API_KEY="key")
    assert "the position of a delivery to another workspace" in said


def test_a_stop_in_order_says_where_and_the_next_run_ends_it(
    standin: StandinServer, source: Path, tmp_path: Path
) -> None:
    port = free_port()
    slow = settings(standin, LIMIT_REQUESTS="20", BATCH_SIZE="10", HEALTH_PORT=str(port))
    with WorkerProcess(slow, "--from", str(source)) as worker:
        wait_until("it delivers", 20, lambda: standin.stats()["events"] > 0)
        assert health(port, "readyz") == (200, "ok\n")
        assert "customerio_delivered_total" in health(port, "metrics")[1]
        worker.terminate()
        assert worker.wait(10) == 1
        assert "run the same again to go on" in worker.output()
    assert run(standin, "--from", str(source))[1].count("9900 delivered") == 1
    assert standin.stats()["duplicates"] < 5000


@contextmanager
def reading_a_pipe(variables: dict[str, str], *arguments: str) -> Iterator[tuple[WorkerProcess, io.FileIO]]:
    reader, writer = os.pipe()
    with io.FileIO(writer, "w") as pipe, WorkerProcess(variables, *arguments, stdin=reader) as worker:
        os.close(reader)
        yield worker, pipe


def test_standard_input_ends_with_its_last_line(standin: StandinServer, tmp_path: Path) -> None:
    dead = tmp_path / "dead.jsonl"
    content = b"".join(map(line, range(300)))
    arguments = ("--from", "-", "--dead-letters", str(dead))
    with reading_a_pipe(settings(standin), *arguments) as (worker, pipe):
        pipe.write(content + b"\n \n" + line(300).rstrip(b"\n"))
        pipe.close()
        assert worker.wait(20) == 1
        assert worker.output() == f"stdin: 298 delivered, 3 dead letters in {dead}\n"
    assert letters(dead) == [b"poison 99", b"poison 199", b"poison 299"]


def test_a_pipe_that_stays_silent_does_not_keep_it_from_ending(
    standin: StandinServer, tmp_path: Path
) -> None:
    arguments = ("--from", "-", "--dead-letters", str(tmp_path / "dead.jsonl"))
    with reading_a_pipe(settings(standin), *arguments) as (worker, pipe):
        pipe.write(line(1))
        wait_until("the line is delivered", 20, lambda: sum(standin.stats()["items"]["taken"].values()) == 1)
        worker.process.send_signal(signal.SIGINT)
        assert worker.wait(10) == 1
    assert not (tmp_path / "dead.jsonl").exists()


def test_a_line_beyond_all_bounds_is_not_copied(standin: StandinServer, tmp_path: Path) -> None:
    source = tmp_path / "events.jsonl"
    source.write_bytes(line(1) + b"x" * 3_000_000 + b"\n" + line(2))
    assert run(standin, "--from", str(source))[0] == 1
    (letter,) = map(DeadLetter.from_json_line, Path(f"{source}.dead.jsonl").read_bytes().splitlines())
    assert (letter.cause, letter.value, letter.offset) == ("too_large", None, len(line(1)))
    assert "3000001 bytes" in letter.detail


def test_a_trial_goes_to_a_stand_in_of_its_own_and_leaves_no_position(
    standin: StandinServer, tmp_path: Path
) -> None:
    source = tmp_path / "events.jsonl"
    source.write_bytes(line(1) + line(2))
    for _ in range(2):
        code, output, errors = run(standin, "--standin", "--from", str(source))
        assert (code, output) == (0, "events.jsonl: 2 delivered, 0 dead letters\n")
        assert errors.startswith("Delivering to a stand-in at http://127.0.0.1:")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("events")] == ["events.jsonl"]
    # Dead letters are those of the last trial.
    source.write_bytes(line(1) + b"nonsense\n")
    for _ in range(2):
        assert run(standin, "--standin", "--from", str(source))[0] == 1
        assert len(Path(f"{source}.trial.dead.jsonl").read_bytes().splitlines()) == 1
    assert standin.stats()["requests_total"] == 0


def mistake(standin: StandinServer, *arguments: str, **more: str) -> str:
    """Its one line."""
    requests = standin.stats()["requests_total"]
    code, output, errors = run(standin, *arguments, **more)
    assert (code, output) == (2, "")
    assert standin.stats()["requests_total"] == requests
    (said,) = errors.splitlines()
    return said


def test_mistakes_get_one_line_and_send_nothing(standin: StandinServer, source: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.jsonl")
    assert mistake(standin, "--from", missing) == (
        f"error: --from: {missing}: can't be read: No such file or directory"
    )
    assert "expected a file" in mistake(standin, "--from", str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe is read with --from -" in mistake(standin, "--from", str(tmp_path / "pipe"))
    same = ("--from", str(source), "--dead-letters", str(source))
    assert "expected a file of its own for each" in mistake(standin, *same)
    devices = ("--from", str(source), "--dead-letters", os.devnull)
    assert "expected a file, or nothing yet" in mistake(standin, *devices)
    assert "--from" in mistake(standin, "--position", "p")
    assert mistake(standin, "--standin") == "error: --standin: expected together with --from"
    assert "unrecognized arguments" in mistake(standin, "--form", str(source))
    assert mistake(standin, "--from", str(source), CONCURRENCY="ten") == (
        "error: CONCURRENCY: expected a whole number, at least 1, got 'ten'"
    )
    assert "TRACK_API: expected v2 or v1 or pipelines" in mistake(
        standin, "--from", str(source), TRACK_API="v3"
    )
    assert "CUSTOMERIO_SITE_ID, CUSTOMERIO_API_KEY: not set" in mistake(
        standin, "--from", str(source), CUSTOMERIO_BASE_URL="https://example.invalid"
    )

    for name, value, place in (
        ("KAFKA_BROKERS", "a:b", "KAFKA_BROKERS: expected host:port"),
        ("KAFKA_DLQ_TOPIC", "customerio-events", "KAFKA_DLQ_TOPIC: expected another topic than KAFKA_TOPIC"),
        ("KAFKA_TOPIC", "a b", "KAFKA_TOPIC: expected a topic's name"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "KAFKA_USERNAME, KAFKA_PASSWORD: expected both"),
        ("REDIS_URL", "redis://:secret@h:1?foo=bar", "REDIS_URL: expected redis(s)://"),
        ("CUSTOMERIO_CA_FILE", str(source), "CUSTOMERIO_CA_FILE: expected a PEM file"),
        ("PIPELINE_ENV_FILE", str(tmp_path / "env"), "PIPELINE_ENV_FILE: expected the path of a file"),
    ):
        said = mistake(standin, "--from", str(source), **{name: value})
        assert place in said
        assert "secret" not in said

    other = Path(f"{source}.position")
    other.write_text("{}")
    assert f"{other}: expected the position of a backfill" in mistake(standin, "--from", str(source))
    other.unlink()
    small = tmp_path / "small.jsonl"
    small.write_bytes(line(1))
    assert run(standin, "--from", str(small))[0] == 0
    said = mistake(standin, "--from", str(source), "--position", f"{small}.position")
    assert "the position of another file" in said


def test_two_at_once_do_not_both_deliver(standin: StandinServer, source: Path) -> None:
    with WorkerProcess(settings(standin, LIMIT_REQUESTS="1"), "--from", str(source)) as first:
        wait_until("the first delivers", 20, lambda: standin.stats()["requests_total"] > 1)
        code, _, errors = run(standin, "--from", str(source))
        assert code == 2
        assert "another backfill of this source is running" in errors
        assert first.process.poll() is None


def test_a_full_disk_stops_it_and_loses_nothing(standin: StandinServer, source: Path) -> None:
    letters_path = Path(f"{source}.dead.jsonl")
    with WorkerProcess(settings(standin), "--from", str(source)) as worker:
        # No file grows beyond this: to a program much the same as a disk that is full then.
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (5000, 5000))
        assert worker.wait(30) == 1
        said = worker.errors().splitlines()[-1]
    assert said.startswith("stopped: [Errno ")
    assert str(letters_path) in said
    assert letters(letters_path)
    assert json.loads(Path(f"{source}.position").read_bytes())["delivered"] < 9900
    assert "9900 delivered, 100 dead letters" in run(standin, "--from", str(source))[1]
    assert letters(letters_path) == [b"poison %d" % n for n in range(99, 10_000, 100)]
