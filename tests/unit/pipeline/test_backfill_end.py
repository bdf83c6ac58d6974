"""What a backfill says of itself when a delivery fails, and what it writes down of dead letters."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import ConfigError
from pipeline.backfill.backfill import Backfill
from pipeline.backfill.file_dead_letters import FileDeadLetters
from pipeline.backfill.options import BackfillOptions
from pipeline.backfill.position import Position, PositionFile
from pipeline.backfill.source import BlockReader
from pipeline.dead_letter import DeadLetter
from pipeline.delivery.courier import Courier
from pipeline.delivery.ending import Ending
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.operation import AnyOperation
from pipeline.outcome import Delivered, Outcome, UnauthorizedError
from pipeline.sender import BatchLimits, BatchSender

POSITION = Position(
    source_id="s", workspace="w", head_bytes=0, head_sha256="", offset=0, delivered=0, dead=0, letters_from=0
)
LINE = b'{"type":"identify","userId":"%d","payload":{}}\n'
LETTER = DeadLetter(
    key=None, value=b"junk", cause="not_json", detail="", attempts=0, topic="events.jsonl", partition=0,
    offset=7, timestamp_ms=-1, failed_at_ms=1,
)  # fmt: skip


def run_backfill(tmp_path: Path, content: bytes, fails_from: int) -> tuple[bool, Position | None, Ending]:
    """Delivers one line a batch; from the given batch on, Customer.io refuses the credentials."""
    source = tmp_path / "events.jsonl"
    source.write_bytes(content)
    batches = 0

    async def deliver(operations: Sequence[AnyOperation]) -> list[Outcome]:
        nonlocal batches
        batches += 1
        if batches > fails_from:
            raise UnauthorizedError("401")
        return [Delivered(1) for _ in operations]

    async def run() -> tuple[bool, Ending]:
        ending = Ending()
        limits = BatchLimits(items=1, wait_seconds=0.0, concurrency=1)
        with FileDeadLetters(tmp_path / "dead") as letters:
            courier = Courier(
                lambda: BatchSender(deliver, limits, lambda operation: 0),
                lambda operation: None,
                letters,
                PipelineMetrics(),
                ending.fail,
            )
            descriptor = os.open(source, os.O_RDONLY)
            try:
                backfill = Backfill(
                    source.name,
                    BlockReader(descriptor),
                    courier,
                    letters,
                    POSITION,
                    positions,
                    lambda _: None,
                )
                return await backfill.run(ending.event, 1.0), ending
            finally:
                os.close(descriptor)

    with PositionFile(tmp_path / "position") as positions:
        is_complete, ending = asyncio.run(run())
        return is_complete, positions.read(), ending


@pytest.mark.parametrize("delivered", [0, 1, 9])
def test_a_delivery_that_fails_is_never_taken_for_the_end(tmp_path: Path, delivered: int) -> None:
    content = b"".join(LINE % number for number in range(10))
    is_complete, position, ending = run_backfill(tmp_path, content, delivered)
    assert not is_complete
    assert isinstance(ending.error, UnauthorizedError)
    assert position is not None
    assert position.delivered == delivered
    assert position.offset == sum(len(LINE % number) for number in range(delivered))


def test_the_end_is_the_end(tmp_path: Path) -> None:
    content = b"\r\n" + b"".join(LINE % number for number in range(10)) + b"junk"
    is_complete, position, ending = run_backfill(tmp_path, content, 100)
    assert is_complete
    assert ending.error is None
    assert position is not None
    assert (position.offset, position.delivered, position.dead) == (len(content), 10, 1)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_letters_of_lines_that_are_read_again_are_written_once_and_nobody_elses_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dead"
    others = replace(LETTER, topic="other.jsonl", value=b"theirs")
    before = replace(LETTER, offset=3)
    path.write_text("not a letter\n" + "".join(each.to_json_line() for each in (before, LETTER, others)))
    there = lines(path)
    with FileDeadLetters(path) as letters:
        letters.expect_again(0, offset=5)
        for letter in (LETTER, replace(LETTER, value=b"another"), before):
            asyncio.run(letters.write(letter))
        letters.sync()
    assert lines(path)[: len(there)] == there
    assert [DeadLetter.from_json_line(line).value for line in lines(path)[len(there) :]] == [
        b"another",
        b"junk",
    ]


def test_a_letter_that_was_cut_short_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    path.write_text(LETTER.to_json_line()[:-10])
    with FileDeadLetters(path) as letters:
        letters.expect_again(0, offset=0)
        asyncio.run(letters.write(LETTER))
    assert DeadLetter.from_json_line(lines(path)[1]) == LETTER


def test_a_file_that_is_deleted_meanwhile_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    with FileDeadLetters(path) as letters:
        asyncio.run(letters.write(LETTER))
        path.unlink()
        asyncio.run(letters.write(replace(LETTER, offset=8)))
    assert [DeadLetter.from_json_line(line).offset for line in lines(path)] == [8]


def test_two_do_not_write_into_one_file(tmp_path: Path) -> None:
    with FileDeadLetters(tmp_path / "dead") as one, FileDeadLetters(tmp_path / "dead") as other:
        asyncio.run(one.write(LETTER))
        with pytest.raises(OSError, match="another backfill"):
            asyncio.run(other.write(LETTER))


def test_the_files_beside_a_source(tmp_path: Path) -> None:
    options = BackfillOptions("a/events.jsonl", None, None)
    assert (options.position_path, options.dead_letters_path) == (
        Path("a/events.jsonl.position"),
        Path("a/events.jsonl.dead.jsonl"),
    )
    # Of two deliveries of standard input, each has letters of its own.
    assert BackfillOptions("-", Path("b.pos"), None).dead_letters_path == Path("b.pos.dead.jsonl")
    assert BackfillOptions("-", None, None).dead_letters_path == Path("stdin.dead.jsonl")
    trial = BackfillOptions("a", None, None, is_trial=True)
    assert (trial.position_path, trial.dead_letters_path) == (None, Path("a.trial.dead.jsonl"))
    with pytest.raises(ConfigError):
        BackfillOptions("a", Path("p"), Path("p"))
