"""Shows the progress of a backfill: a bar on a terminal, a log line every ten seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pipeline.backfill.backfill import Progress

_log = logging.getLogger(__name__)
_LOG_SECONDS = 10.0


@contextmanager
def show_progress(
    name: str, total_bytes: int | None, start_bytes: int
) -> Iterator[Callable[[Progress], None]]:
    """Yield the function that shows a new progress.

    Args:
        name: the name of the source.
        total_bytes: the bytes of the source; ``None`` if unknown.
        start_bytes: the position at which this run begins.
    """
    if not sys.stderr.isatty():
        yield _log_periodically(total_bytes)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total_bytes, completed=start_bytes, counts="")

        def show(progress: Progress) -> None:
            counts = f"{progress.delivered} delivered, {progress.dead} dead letters"
            bar.update(task, completed=progress.settled_bytes, counts=counts)

        yield show


def _log_periodically(total_bytes: int | None) -> Callable[[Progress], None]:
    next_at = time.monotonic() + _LOG_SECONDS

    def show(progress: Progress) -> None:
        nonlocal next_at
        if time.monotonic() < next_at:
            return
        next_at = time.monotonic() + _LOG_SECONDS
        extra = {"bytes": progress.settled_bytes, "of_bytes": total_bytes}
        _log.info("delivering", extra={**extra, "delivered": progress.delivered, "dead": progress.dead})

    return show
