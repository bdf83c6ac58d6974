"""Prints dead letters: many without personal data, or one in full."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.dead_letter import DeadLetter

_COLUMNS = ("position", "cause", "attempts", "dead-lettered", "bytes", "came from")
# These are useless when a narrow terminal wraps them.
_UNWRAPPED = ("position", "dead-lettered")


class Listing:
    """Prints letters as they are added: a table on a terminal, tab-separated lines elsewhere, or JSON lines.

    It leaves out payloads and details, and keys unless ``with_keys``: people paste such lists into tickets.
    """

    def __init__(self, *, as_json: bool, with_keys: bool) -> None:
        self._as_json = as_json
        self._with_keys = with_keys
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._table = Table(box=None, pad_edge=False)
        for name in (*_COLUMNS, *(["key"] if with_keys else [])):
            self._table.add_column(name, no_wrap=name in _UNWRAPPED, overflow="fold")
        self._count = 0

    def add(self, position: str, letter: DeadLetter) -> None:
        """Add a letter; ``position`` says where it is."""
        self._count += 1
        if self._as_json:
            _write(json.dumps(self._facts(position, letter)) + "\n")
        elif self._console.is_terminal:
            self._table.add_row(*_visible(self._row(position, letter)))
        else:
            _write("\t".join(_visible(self._row(position, letter))) + "\n")

    def close(self, where: str) -> None:
        """Print what is left; ``where`` names the topic or file that was searched."""
        if self._as_json:
            return
        if self._console.is_terminal and self._count:
            self._console.print(self._table)
        if not self._count:
            sys.stderr.write(f"no pending dead letter in {where} matches\n")

    def _row(self, position: str, letter: DeadLetter) -> list[str]:
        came_from = f"{letter.topic}:{letter.partition}:{letter.offset}"
        row = [position, letter.cause, str(letter.attempts), utc(letter.failed_at_ms)]
        row += [str(letter.size_bytes), came_from]
        return [*row, _key(letter) or ""] if self._with_keys else row

    def _facts(self, position: str, letter: DeadLetter) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "position": position,
            "cause": letter.cause,
            "attempts": letter.attempts,
            "failed_at": utc(letter.failed_at_ms),
            "bytes": letter.size_bytes,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
        }
        return facts | ({"key": _key(letter)} if self._with_keys else {})


def show(position: str, letter: DeadLetter) -> None:
    """Print one letter in full, as a JSON object without control characters."""
    content = {"position": position, "failed_at": utc(letter.failed_at_ms), **letter.to_json()}
    [text] = _visible([json.dumps(content, ensure_ascii=False, indent=2)], keep="\n")
    _write(text + "\n")


def utc(milliseconds: int) -> str:
    """Return an ISO 8601 time in UTC; ``-`` for an unknown time."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return "-"
    return "-" if milliseconds < 0 else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _key(letter: DeadLetter) -> str | None:
    return None if letter.key is None else letter.key.decode("utf-8", "backslashreplace")


def _visible(texts: Iterable[str], keep: str = "") -> list[str]:
    r"""Replace control characters and direction marks by \uXXXX: a letter may hold any character."""
    return ["".join(c if c.isprintable() or c in keep else _escaped(c) for c in text) for text in texts]


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def _write(text: str) -> None:
    # Always UTF-8: a locale that cannot encode a character would end the command.
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
