"""What a backfill delivers, and where it keeps what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class BackfillOptions:
    """
    Args:
        source: a file's path, or ``-`` for standard input.
        position: where the position is kept; ``None`` for beside the source. That of standard input, and of
            a trial, is kept only where a file is named. With standard input the next run must be given
            the same bytes from their beginning.
        dead_letters: where dead letters are kept; ``None`` for beside the source, or the position.
        is_trial: nothing reaches Customer.io.

    Raises:
        ConfigError: one file for two purposes.
    """

    source: str
    position: Path | None
    dead_letters: Path | None
    is_trial: bool = False

    def __post_init__(self) -> None:
        files = [self.dead_letters_path.resolve()]
        if self.source != STANDARD_INPUT:
            files.append(Path(self.source).resolve())
        if self.position_path is not None:
            files.append(self.position_path.resolve())
        if len(set(files)) < len(files):
            raise ConfigError("--from, --position, --dead-letters: expected a file of its own for each")

    @property
    def name(self) -> str:
        """What the source is called in dead letters."""
        return "stdin" if self.source == STANDARD_INPUT else Path(self.source).name

    @property
    def position_path(self) -> Path | None:
        if self.position is not None or self.source == STANDARD_INPUT or self.is_trial:
            return self.position
        return Path(self.source + ".position")

    @property
    def dead_letters_path(self) -> Path:
        if self.dead_letters is not None:
            return self.dead_letters
        beside = self.position or "stdin" if self.source == STANDARD_INPUT else self.source
        # Those of a trial are not to be replayed.
        return Path(f"{beside}.trial.dead.jsonl" if self.is_trial else f"{beside}.dead.jsonl")
