"""What an output is: the one thing to write for another place to put samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metrics.store import Cell, MergedCell


class Output(Protocol):
    """Takes the samples of a run as its seconds close.

    Making one is its start, and may raise ``ConfigError`` (a mistake of the user's, told before anything
    is sent) or ``OSError``.
    """

    name: str
    """How it is called in messages, such as ``metrics.csv``."""

    takes_merged: bool
    """Whether it has a use for the sums that a master gets from its workers, or only for single samples."""

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Take cells of one second: its Unix time, and its number since the clock's start.

        Raises:
            OSError: they cannot be written; the run goes on without this output.
        """

    def stop(self) -> str | None:
        """Finish, and say in a line what the summary should tell, if anything.

        Raises:
            OSError: the end cannot be written.
        """
