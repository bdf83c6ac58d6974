"""The commands that the README and the other pages print, one by one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=.*", re.DOTALL)
_IN_TEXT = re.compile(r"`((?:scripts/[\w-]+\.sh|docker-compose|kubectl)(?: [^`]*)?)`")


@dataclass(frozen=True)
class DocumentedCommand:
    """A command as a page prints it, without the variables before it; ``place`` says where."""

    place: str
    words: list[str]


def documented_commands() -> list[DocumentedCommand]:
    """Return the commands of all pages: of blocks for a shell, of CI files, and of the text."""
    return [command for page in PAGES for command in _commands_of(page)]


def _commands_of(page: Path) -> Iterator[DocumentedCommand]:
    for number, line in _command_lines(page.read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        for part in _split(words, "&&"):
            while part and _ASSIGNMENT.fullmatch(part[0]):
                part = part[1:]
            if part:
                yield DocumentedCommand(f"{page.name}:{number}", part)


def _command_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each command with the number of its first line; backslashes join lines."""
    language: str | None = None
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.lstrip().startswith("```"):
            language = None if language is not None else line.strip().removeprefix("```")
            continue
        if language == "sh":
            command = line
        elif language is None:
            # Indented blocks, cells of tables, and commands in a sentence.
            command = line.strip() if re.match(r" {4}(scripts/|\.venv/)", line) else ""
            yield from ((number, match[1]) for match in _IN_TEXT.finditer(line) if not command)
        else:
            # What a user types in a recorded terminal; what a CI file runs.
            match = re.match(r"\$ (.*)|\s*(?:- |run: )?((?:[A-Z_]+=\S+ )*scripts/[\w-]+\.sh.*)", line)
            command = (match[1] or match[2]) if match else ""
        while command.endswith("\\"):
            command = command[:-1] + next(lines)[1].strip()
        if command.strip():
            yield number, command


def _split(words: list[str], separator: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in (separator, "|"):
            yield part
            part = []
        else:
            part.append(word)
    yield part
