"""Runs a backfill from start to end, and reports its result."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TextIO

from config.errors import ConfigError
from pipeline.backfill.backfill import Backfill, Progress
from pipeline.backfill.beginning import begin, open_source
from pipeline.backfill.file_dead_letters import FileDeadLetters
from pipeline.backfill.options import BackfillOptions
from pipeline.backfill.position import PositionFile
from pipeline.backfill.progress import show_progress
from pipeline.backfill.source import BlockReader
from pipeline.delivery.courier import Courier
from pipeline.delivery.ending import Ending, unless_ended
from pipeline.delivery.opening import open_delivery
from pipeline.delivery.start import check_account
from pipeline.monitoring.health import health_page
from pipeline.outcome import DeliveryError
from pipeline.settings import PipelineSettings

_FINISH_SECONDS = 6.0


async def run_backfill(settings: PipelineSettings, options: BackfillOptions) -> int:
    """Deliver a source, or the rest of it after an interruption.

    Returns:
        The exit code: 0 if every line was delivered, 1 if there are dead letters or the run was stopped
        before the end. A followed file ends where it does at the stop.

    Raises:
        ConfigError: the source, the position, the dead letters, a setting or the credentials are wrong.
    """
    ending = Ending()
    ending.listen()
    with ExitStack() as files:
        descriptor = files.enter_context(open_source(options.source))
        position_file = None
        if options.position_path is not None:
            position_file = files.enter_context(PositionFile(options.position_path))
        dead_letters = files.enter_context(FileDeadLetters(options.dead_letters_path))
        if options.is_own_trial_file:
            options.dead_letters_path.unlink(missing_ok=True)
        try:
            position = begin(descriptor, options, position_file, dead_letters, settings.target.workspace)
        except OSError as error:
            raise ConfigError(f"{error.filename or options.source}: {error.strerror}") from error
        async with open_delivery(settings) as delivery, health_page(settings.operations, delivery.metrics):
            if not await unless_ended(check_account(delivery.client, settings.target), ending.event):
                _print(
                    "stopped before Customer.io accepted the credentials; nothing was delivered", sys.stderr
                )
                return 1
            courier = Courier(
                delivery.make_sender,
                delivery.refuse,
                dead_letters,
                delivery.metrics,
                ending.fail,
                delivery.parse,
            )
            size = None if options.follow else os.fstat(descriptor).st_size or None
            with show_progress(options.name, size, position.offset) as show:
                backfill = Backfill(
                    options.name,
                    BlockReader(descriptor, follow=options.follow),
                    courier,
                    dead_letters,
                    position,
                    position_file,
                    show,
                )
                try:
                    is_complete = await backfill.run(ending.event, _FINISH_SECONDS)
                except OSError as error:
                    ending.fail(error)
                    is_complete = False
    progress = backfill.progress
    if ending.error is not None:
        return _report_error(ending.error, options, progress)
    was_complete = is_complete and not options.follow and position.offset == progress.settled_bytes > 0
    return _report(options, progress, is_complete, was_complete)


def _report_error(error: BaseException, options: BackfillOptions, progress: Progress) -> int:
    line = f"{error}; {_counts(options, progress)} before; run the same again to go on"
    if isinstance(error, DeliveryError):
        raise ConfigError(f"CUSTOMERIO_*: {line}")
    _print(f"stopped: {line}", sys.stderr)
    return 1


def _report(options: BackfillOptions, progress: Progress, is_complete: bool, was_complete: bool) -> int:
    line = f"{options.name}: {_counts(options, progress)}"
    if was_complete:
        line += f", all by earlier runs, as {options.position_path} says"
    elif not is_complete:
        line += "; stopped before the end"
        if options.position_path is not None:
            line += f" at byte {progress.settled_bytes}: run the same again to go on"
    _print(line, sys.stdout)
    return 0 if is_complete and not progress.dead else 1


def _counts(options: BackfillOptions, progress: Progress) -> str:
    dead = progress.dead + progress.dead_beyond
    counts = f"{progress.delivered + progress.delivered_beyond} delivered, {dead} dead letters"
    if dead:
        counts += f" in {options.dead_letters_path}"
    if progress.delivered_beyond:
        counts += f" ({progress.delivered_beyond} delivered beyond the position will be delivered again)"
    return counts


def _print(line: str, stream: TextIO) -> None:
    print(line, file=stream)
