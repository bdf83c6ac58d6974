"""The dead letters of a backfill: a file with one JSON object per line. A letter's position is its line."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from config.errors import ConfigError
from pipeline.dead_letter import DeadLetter, NotALetterError
from pipeline.dlq.listing import Listing, show
from pipeline.dlq.output import counted, print_error, print_result
from pipeline.dlq.pending import Selection


def on_file(options: argparse.Namespace, matching: Selection) -> int:
    """Runs the command; returns its exit code.

    Raises:
        ConfigError: a file can't be read or written.
    """
    if options.command == "show":
        number = options.position[1]
        for line, letter in _read(options.file):
            if line == number:
                show(str(line), letter)
                return 0
        print_error(f"{options.file}: no line {number}")
        return 1
    if options.command == "list":
        listing = Listing(as_json=options.json, with_keys=options.show_keys)
        for line, letter in _selected(options.file, matching, options.limit):
            listing.add(str(line), letter)
        listing.close(str(options.file))
        return 0
    target = None if options.dry_run else options.to
    causes, without = _write_messages(options.file, target, matching, options.limit)
    print_result(f"{'would write' if options.dry_run else 'wrote'} {counted(causes)}")
    if without:
        print_error(f"{without} without a message, left out: the line was too long to be kept")
    return 0


def _read(path: Path) -> Iterator[tuple[int, DeadLetter]]:
    """Line numbers from 1, with the letters. A line that is none, as after a crash of the machine, is named.

    Raises:
        ConfigError: the file can't be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    letter = DeadLetter.from_json_line(line)
                except NotALetterError as error:
                    print_error(f"{path}: line {number}: expected a dead letter, passed over: {error}")
                else:
                    yield number, letter
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error


def _selected(path: Path, selection: Selection, most: int | None) -> Iterator[tuple[int, DeadLetter]]:
    """Those that match, ``most`` at most. A file is one partition, 0."""
    count = 0
    for number, letter in _read(path):
        if most is not None and count >= most:
            return
        if selection.has(0, letter):
            count += 1
            yield number, letter


def _write_messages(
    path: Path, target: Path | None, selection: Selection, most: int | None
) -> tuple[Counter[str], int]:
    """Writes the messages, as they were, to a new file; only counts them where ``target`` is ``None``.

    Returns:
        How many by cause, and how many could not be written because the letter holds no message, as of a line
        that was too long to be kept.

    Raises:
        ConfigError: ``path`` can't be read, ``target`` exists or can't be written.
    """
    causes: Counter[str] = Counter()
    without = 0
    messages = _messages(_selected(path, selection, most))
    if target is None:
        for cause, value in messages:
            causes[cause] += value is not None
            without += value is None
        return +causes, without
    try:
        with target.open("xb") as new:
            for cause, value in messages:
                if value is None:
                    without += 1
                else:
                    causes[cause] += 1
                    new.write(value + b"\n")
    except FileExistsError:
        raise ConfigError(f"--to: {target} exists; expected the name of a new file") from None
    except OSError as error:
        raise ConfigError(f"--to: {target}: can't be written: {error.strerror}") from error
    return causes, without


def _messages(letters: Iterator[tuple[int, DeadLetter]]) -> Iterator[tuple[str, bytes | None]]:
    for _, letter in letters:
        yield letter.cause, letter.value
