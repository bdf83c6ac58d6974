"""Shows the progress of the command: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipeline.produce.pump import Sent
from pipeline.produce.sources import Source

_REDRAW_SECONDS = 0.1


@contextmanager
def show_progress(source: Source, sent: Sent) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each message. It redraws the bar ten times a second."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=source.total)
        next_at = 0.0

        def show() -> None:
            nonlocal next_at
            now = time.monotonic()
            if now >= next_at:
                next_at = now + _REDRAW_SECONDS
                counts = f"{sent.total} sent, {sent.per_second:.0f}/s"
                bar.update(task, completed=source.done, description=counts)

        yield show
