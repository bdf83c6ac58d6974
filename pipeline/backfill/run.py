"""A backfill from its start to its end: files opened, position found, progress shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from config.errors import ConfigError
from pipeline.backfill.backfill import Backfill, Progress
from pipeline.backfill.file_dead_letters import FileDeadLetters
from pipeline.backfill.position import Position, PositionFile, head_of
from pipeline.backfill.progress import show_progress
from pipeline.backfill.source import BlockReader
from pipeline.delivery.courier import Courier
from pipeline.delivery.ending import Ending
from pipeline.delivery.opening import open_delivery
from pipeline.delivery.start import check_credentials, unless_ended
from pipeline.outcome import DeliveryError
from pipeline.settings import PipelineSettings

_STANDARD_INPUT = "-"
_FINISH_SECONDS = 6.0


@dataclass(frozen=True)
class BackfillPlan:
    """What is delivered; where position and dead letters are kept, ``None`` for beside the source.

    The position of standard input, and of a trial, is kept only where a file is named. With standard
    input the next run must be given the same bytes from their beginning.
    """

    source: str
    position: Path | None
    dead_letters: Path | None
    is_trial: bool = False

    @property
    def name(self) -> str:
        return "stdin" if self.source == _STANDARD_INPUT else Path(self.source).name

    @property
    def position_path(self) -> Path | None:
        if self.position is not None or self.source == _STANDARD_INPUT or self.is_trial:
            return self.position
        return Path(self.source + ".position")

    @property
    def dead_letters_path(self) -> Path:
        if self.dead_letters is not None:
            return self.dead_letters
        return Path("stdin.dead.jsonl" if self.source == _STANDARD_INPUT else self.source + ".dead.jsonl")


async def run_backfill(settings: PipelineSettings, plan: BackfillPlan) -> int:
    """Delivers a source, or what is left of it.

    Returns:
        0 if every line is delivered, 1 if some are dead letters or the run was stopped before the end.

    Raises:
        ConfigError: source, position, dead letters, settings or credentials are not as they should be.
    """
    ending = Ending()
    ending.listen()
    with ExitStack() as files:
        descriptor = files.enter_context(_open(plan.source))
        position_file = None
        if plan.position_path is not None:
            position_file = files.enter_context(PositionFile(plan.position_path))
        dead_letters = files.enter_context(FileDeadLetters(plan.dead_letters_path))
        try:
            position = _begin(descriptor, plan, position_file, dead_letters, settings.target.workspace)
        except OSError as error:
            raise ConfigError(f"{error.filename or plan.source}: {error.strerror}") from error
        async with open_delivery(settings) as delivery:
            if not await unless_ended(check_credentials(delivery.client), ending.event):
                return 1
            courier = Courier(
                delivery.make_sender, delivery.refuse, dead_letters, delivery.metrics, ending.fail
            )
            with show_progress(plan.name, _size(descriptor), position.offset) as show:
                backfill = Backfill(
                    plan.name, BlockReader(descriptor), courier, dead_letters, position, position_file, show
                )
                try:
                    complete = await backfill.run(ending.event, _FINISH_SECONDS)
                except OSError as error:
                    ending.fail(error)
                    complete = False
    if complete and position.offset == backfill.progress.settled_bytes > 0:
        _say(
            f"{plan.name}: nothing is left; {plan.position_path} says that it was delivered before",
            sys.stdout,
        )
        return 0
    return _report(plan, backfill.progress, complete, ending)


@contextmanager
def _open(source: str) -> Iterator[int]:
    if source == _STANDARD_INPUT:
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(source, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(f"--from: {source}: can't be read: {error.strerror}") from error
    try:
        if Path(source).is_dir():
            raise ConfigError(f"--from: {source}: expected a file, got a directory")
        yield descriptor
    finally:
        os.close(descriptor)


def _begin(
    descriptor: int,
    plan: BackfillPlan,
    position_file: PositionFile | None,
    dead_letters: FileDeadLetters,
    workspace: str,
) -> Position:
    """The position to begin at, with source and dead letters brought to it."""
    earlier = None if position_file is None else position_file.read()
    if earlier is None:
        head_bytes, head_sha256 = _head(descriptor, None)
        earlier = Position(
            workspace=workspace,
            head_bytes=head_bytes,
            head_sha256=head_sha256,
            offset=0,
            delivered=0,
            dead=0,
            letters_from=dead_letters.size,
        )
        if position_file is not None:
            position_file.write(earlier)
        return earlier
    if earlier.workspace != workspace:
        raise ConfigError(
            f"{plan.position_path}: the position of a delivery to another workspace; "
            "remove it to begin anew, or name another one with --position"
        )
    if _head(descriptor, earlier.head_bytes) != (earlier.head_bytes, earlier.head_sha256):
        raise ConfigError(
            f"{plan.position_path}: the position of another file than {plan.source}; "
            "remove it to begin anew, or name another one with --position"
        )
    dead_letters.drop_after(earlier.letters_from, earlier.offset)
    _skip(descriptor, earlier.offset, plan)
    return earlier


def _head(descriptor: int, size: int | None) -> tuple[int, str]:
    try:
        return head_of(descriptor, size)
    except OSError:  # a pipe: what it holds can't be looked at without taking it
        return 0, ""


def _skip(descriptor: int, offset: int, plan: BackfillPlan) -> None:
    try:
        size = os.fstat(descriptor).st_size
        os.lseek(descriptor, offset, os.SEEK_SET)
    except OSError:
        left = offset
        while left and (block := os.read(descriptor, min(left, 1 << 16))):
            left -= len(block)
        size = offset - left
    if size < offset:
        raise ConfigError(f"{plan.source}: {size} bytes, fewer than the {offset} delivered before")


def _size(descriptor: int) -> int | None:
    return os.fstat(descriptor).st_size or None


def _report(plan: BackfillPlan, progress: Progress, complete: bool, ending: Ending) -> int:
    counts = f"{progress.delivered} delivered, {progress.dead} dead letters"
    if progress.dead:
        counts += f" in {plan.dead_letters_path}"
    if isinstance(ending.error, DeliveryError):
        raise ConfigError(f"CUSTOMERIO_*: {ending.error}; {counts} before; run the same again to go on")
    if ending.error is not None:
        _say(f"stopped: {ending.error}; {counts} before; run the same again to go on", sys.stderr)
        return 1
    again = "" if complete else "; stopped before the end"
    if not complete and plan.position_path is not None:
        again += f" at byte {progress.settled_bytes}: run the same again to go on"
    _say(f"{plan.name}: {counts}{again}", sys.stdout)
    return 0 if complete and not progress.dead else 1


def _say(text: str, stream: TextIO) -> None:
    print(text, file=stream)
