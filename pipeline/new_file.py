"""A file that is there when it is complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from config.errors import ConfigError


@contextmanager
def new_file(path: Path, flag: str) -> Iterator[BinaryIO]:
    """Open a new file, which gets its name at the end. An error leaves none, and nor does an empty one.

    Args:
        path: of the file.
        flag: the argument that named it, for the error.

    Raises:
        ConfigError: the file exists already, or cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    exists = ConfigError(f"{flag}: {path} exists; expected the name of a new file")
    if path.exists():
        raise exists
    try:
        try:
            with part.open("xb") as file:
                yield file
            if part.stat().st_size:
                if path.exists():
                    raise exists
                part.rename(path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise ConfigError(f"{flag}: {path}: can't be written: {error.strerror}") from error
