"""The commands on a backfill's file of dead letters. The position of a letter is its line number."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from config.command_line import print_error
from config.errors import ConfigError
from pipeline.dead_letter import DeadLetter, NotALetterError
from pipeline.dlq.listing import Listing, show
from pipeline.dlq.pending import Selection
from pipeline.dlq.printing import counted, print_result
from pipeline.new_file import new_file


def on_file(options: argparse.Namespace, matching: Selection) -> int:
    """Run the command and return its exit code.

    Raises:
        ConfigError: a file cannot be read or written.
    """
    if options.command == "show":
        number = options.position[1]
        for line, letter in _read(options.file):
            if line == number:
                show(str(line), letter)
                return 0
        print_error(f"{options.file}: there is no dead letter at line {number}")
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
        print_error(f"left out {without} without a message: their lines were too long to be copied")
    return 0


def _read(path: Path) -> Iterator[tuple[int, DeadLetter]]:
    """Yield line numbers, from 1, and letters. Report lines that are not letters, as after a crash.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    letter = DeadLetter.from_json_line(line)
                except NotALetterError as error:
                    print_error(f"{path}: line {number}: skipped, not a dead letter: {error}")
                else:
                    yield number, letter
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error


def _selected(path: Path, selection: Selection, most: int | None) -> Iterator[tuple[int, DeadLetter]]:
    """Yield at most ``most`` letters that match. A file counts as partition 0."""
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
    """Write the messages, byte for byte, to a new file, if there are any. Without a target only count.

    Returns:
        The number written by cause, and the number of letters without a message: their lines were too long.

    Raises:
        ConfigError: ``path`` cannot be read, or ``target`` exists or cannot be written.
    """
    causes: Counter[str] = Counter()
    without = 0
    messages = _messages(_selected(path, selection, most))
    if target is None:
        for cause, value in messages:
            causes[cause] += value is not None
            without += value is None
        return +causes, without
    with new_file(target, "--to") as new:
        for cause, value in messages:
            if value is None:
                without += 1
            else:
                causes[cause] += 1
                new.write(value + b"\n")
    return causes, without


def _messages(letters: Iterator[tuple[int, DeadLetter]]) -> Iterator[tuple[str, bytes | None]]:
    for _, letter in letters:
        yield letter.cause, letter.value
