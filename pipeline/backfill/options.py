"""The options of a backfill: its source, and the files that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class BackfillOptions:
    """The source of a backfill, and the files that it writes.

    Args:
        source: the path of a file, or ``-`` for standard input.
        position: the file that keeps the position. ``None``: a file beside the source; for standard input
            or a trial, none. The next run of standard input must be given the same bytes from the start.
        dead_letters: the file for dead letters. ``None``: a file beside the source, or beside the position.
        is_trial: whether a stand-in takes the place of Customer.io.
        follow: whether to wait for further lines at the end of the file, until a signal.

    Raises:
        ConfigError: two of the files are the same, or standard input is to be followed.
    """

    source: str
    position: Path | None
    dead_letters: Path | None
    is_trial: bool = False
    follow: bool = False

    def __post_init__(self) -> None:
        if self.follow and self.source == STANDARD_INPUT:
            raise ConfigError("--follow: expected a file with --from; standard input is read to its end")
        files = [self.dead_letters_path.resolve()]
        if self.source != STANDARD_INPUT:
            files.append(Path(self.source).resolve())
        if self.position_path is not None:
            files.append(self.position_path.resolve())
        if len(set(files)) < len(files):
            raise ConfigError("--from, --position, --dead-letters: expected a file of its own for each")

    @property
    def name(self) -> str:
        """The name of the source in dead letters."""
        return "stdin" if self.source == STANDARD_INPUT else Path(self.source).name

    @property
    def position_path(self) -> Path | None:
        """The file that keeps the position; ``None`` if the position is not kept."""
        if self.position is not None or self.source == STANDARD_INPUT or self.is_trial:
            return self.position
        return Path(self.source + ".position")

    @property
    def is_own_trial_file(self) -> bool:
        """Whether the dead letters are those of trials alone, of which the last one is worth keeping."""
        return self.is_trial and self.dead_letters is None

    @property
    def dead_letters_path(self) -> Path:
        """The file for dead letters."""
        if self.dead_letters is not None:
            return self.dead_letters
        beside = self.position or "stdin" if self.source == STANDARD_INPUT else self.source
        # A name of its own keeps dead letters of a trial from being replayed.
        return Path(f"{beside}.trial.dead.jsonl" if self.is_trial else f"{beside}.dead.jsonl")
