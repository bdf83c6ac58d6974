"""A JSON file that is not trusted: read whole, checked once, then asked entry by entry."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from config.errors import ConfigError

GREATEST_NUMBER = 1e15
"""Magnitude up to which a figure of a run is believed; whole numbers are exact in a float up to it."""

_DEEPEST = 50
"""Levels of nesting; our own files have eight."""


class JsonObject:
    """An object of a JSON file. Every entry is asked with the type that is expected of it.

    All methods raise ``ValueError`` with the place of the entry if it is missing or of another type. An
    entry that a run may leave out is asked with a default.
    """

    def __init__(self, value: object, place: str = "") -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{place!r}: expected an object" if place else "expected an object")
        self._entries: Mapping[str, Any] = value
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self._entries.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def number(self, name: str, default: float | None = None, greatest: float = GREATEST_NUMBER) -> float:
        """Return a number of at most the magnitude ``greatest``."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= greatest:
            raise ValueError(f"{self._of(name)}: expected a number of at most {greatest:g}")
        return float(value)

    def count(self, name: str, default: int | None = None) -> int:
        """Return a whole number that is not negative."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= GREATEST_NUMBER:
            raise ValueError(f"{self._of(name)}: expected a whole number from 0 to {GREATEST_NUMBER:g}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._get(name, default)
        if not isinstance(value, str):
            raise ValueError(f"{self._of(name)}: expected a text")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise ValueError(f"{self._of(name)}: expected true or false")
        return value

    def child(self, name: str, *, is_optional: bool = False) -> JsonObject:
        """Return an object; an empty one if it is optional and missing."""
        value = self._get(name, {} if is_optional else None)
        return JsonObject(value, f"{self._place}.{name}".lstrip("."))

    def children(self, name: str, *, is_optional: bool = False) -> list[JsonObject]:
        """Return the objects of a list; none if it is optional and missing."""
        value = self._get(name, [] if is_optional else None)
        if not isinstance(value, list):
            raise ValueError(f"{self._of(name)}: expected a list")
        place = f"{self._place}.{name}".lstrip(".")
        return [JsonObject(entry, f"{place}[{index}]") for index, entry in enumerate(value)]

    def texts(self, name: str, *, is_optional: bool = False) -> list[str]:
        """Return the strings of a list; none if it is optional and missing."""
        value = self._get(name, [] if is_optional else None)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise ValueError(f"{self._of(name)}: expected a list of texts")
        return value

    def raw(self, name: str, default: object = None) -> Any:
        """Return whatever the entry is; for what is only shown or held against its like."""
        return self._entries.get(name, default)

    def _get(self, name: str, default: object) -> object:
        # A null is an entry that the run had no value for.
        value = self._entries.get(name)
        if value is None:
            value = default
        if value is None:
            raise ValueError(f"{self._of(name)} is missing")
        return value

    def _of(self, name: str) -> str:
        return repr(f"{self._place}.{name}".lstrip("."))


def read_json(path: Path, missing: str) -> object:
    """Read a JSON file of which each string can be printed and each number is finite.

    Args:
        path: the file.
        missing: what it means that there is no such file.

    Raises:
        ConfigError: the file cannot be read or is not such JSON; the file is named.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        _check(value)
        return value
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; {missing}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: damaged: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path}: damaged: {error}") from error


def _check(whole: object) -> None:
    """Raise ``ValueError`` for what JSON can spell and no run writes."""
    left: list[tuple[object, int]] = [(whole, 1)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(value, str):
            value.encode()  # Half a character cannot be printed.
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number is not finite")
        elif isinstance(value, dict):
            left += [(part, depth + 1) for item in value.items() for part in item]
        elif isinstance(value, list):
            left += [(part, depth + 1) for part in value]
