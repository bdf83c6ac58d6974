"""The interface of an output: implement it to send samples to another place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from metrics.store import Cell, MergedCell
from shapes.ledger import Ledger


class Output(Protocol):
    """Takes the samples of a run as its seconds close.

    Creating an output starts it. That may raise ``ConfigError`` (a mistake of the user's, reported before
    anything is sent) or ``OSError``. With workers, each worker has an output of its own.
    """

    name: str
    """Its name in messages, such as ``metrics.csv``."""

    takes_whole_seconds: bool
    """Whether ``samples`` is called once for each second, with all its cells.

    If not, it is called once for each cell, and arrivals that are due start in between: for an output that
    does much work for every sample.
    """

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Take cells of one second.

        The last call is for what was measured after the last whole second, so a run of five seconds has six.

        Args:
            timestamp: the second's Unix time.
            second: its number, from 0 at the start of the clocks.
            cells: the samples of one metric under one set of tags each.

        Raises:
            OSError: they cannot be written; the run goes on without this output.
        """

    def stop(self) -> str | None:
        """Finish, and return the line that the summary should show, if there is one.

        Called once for every output, also after ``samples`` or ``take_ledgers`` has raised.

        Raises:
            OSError: the end cannot be written; it is told unless the output has failed before.
        """


@runtime_checkable
class TakesLedgers(Protocol):
    """An output that has a use for the closed ledgers too."""

    def take_ledgers(self, ledgers: Mapping[str, Ledger]) -> None:
        """Take the ledger of each scenario. Called once, after the last ``samples`` and before ``stop``."""
