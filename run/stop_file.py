"""The file that ends a run: whoever can write one can stop the load, without reaching the process."""

from __future__ import annotations

from pathlib import Path

from config.errors import ConfigError

STOP_FILE = "STOP"
"""Its name. What is in it does not matter."""


class StopFile:
    """Looks for the file in the current folder and in the run's own.

    Args:
        run_folder: where the files of the run are.
    """

    def __init__(self, run_folder: Path) -> None:
        self._places = [Path(STOP_FILE), run_folder / STOP_FILE]

    @property
    def exists(self) -> bool:
        """Whether the file is in either place."""
        return any(place.exists() for place in self._places)


def check_no_stop_file() -> None:
    """Check that no stop file of an earlier run would end this one at its first look.

    Raises:
        ConfigError: there is one in the current folder.
    """
    if Path(STOP_FILE).exists():
        raise ConfigError(f"{STOP_FILE}: a file of this name ends runs; expected it to be removed before one")
