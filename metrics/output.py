"""The interface of an output: implement it to send samples to another place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metrics.store import Cell, MergedCell


class Output(Protocol):
    """Takes the samples of a run as its seconds close.

    Creating an output starts it. That may raise ``ConfigError`` (a mistake of the user's, reported before
    anything is sent) or ``OSError``.
    """

    name: str
    """Its name in messages, such as ``metrics.csv``."""

    takes_merged: bool
    """Whether it takes the sums that a master gets from its workers, or only single samples."""

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Take cells of one second: its Unix time, and its number since the clock's start.

        Raises:
            OSError: they cannot be written; the run goes on without this output.
        """

    def stop(self) -> str | None:
        """Finish, and return the line that the summary should show, if there is one.

        Raises:
            OSError: the end cannot be written.
        """
