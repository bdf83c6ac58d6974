"""What all commands of this project share: their exit codes, and an argument parser with one-line errors."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from config.keys_on_command_line import key_on_command_line
from config.shown import shown_url, visible

Value = TypeVar("Value")

PASSED = 0
"""Exit code: the run finished, and no threshold or limit failed."""

BROKEN = 1
"""Exit code: the run itself failed, so its results are not valid."""

USAGE_ERROR = 2
"""Exit code: a mistake in arguments, settings or files; nothing was sent."""

THRESHOLDS_FAILED = 99
"""Exit code: a threshold, the abort switch or a limit of a comparison failed. k6 uses this code too."""

ABORTED = 105
"""Exit code: Ctrl-C, SIGTERM or a stop file ended the run before its end. k6 uses the same code."""

_UNRECOGNIZED = "unrecognized arguments: "
_EXPLICIT = "ignored explicit argument "
_SHORT_OPTION = len("-p")


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line and exits with ``USAGE_ERROR``.

    Arguments are taken by their full names only: ``--allow-l`` must not mean ``--allow-live``. A key among
    them is refused.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        key = key_on_command_line(sys.argv[1:] if args is None else args, self._option_string_actions)
        if key is not None:
            self.error(key)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        print_error(without_values(message))
        self.exit(USAGE_ERROR)


def argument(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Return a reader for argparse that prints the text of the ``ValueError`` which ``read`` raises."""

    def checked(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def without_values(message: str) -> str:
    """Return an error of argparse without the values of arguments that it does not know.

    Whoever types ``--api-key SECRET`` at the wrong command would find it in the terminal's log.
    """
    explicit = message.partition(_EXPLICIT)
    if explicit[1]:
        return f"{explicit[0]}expected no value"
    head, unrecognized, rest = message.partition(_UNRECOGNIZED)
    if not unrecognized:
        return message
    words: list[str] = []
    for word in rest.split():
        if word.startswith("-"):
            words.append(_name_alone(word))
        elif not words or not words[0].startswith("-"):
            words.append(shown_url(word)[1:-1] if "://" in word or "@" in word else word)
        elif words[-1] != "...":
            words.append("...")
    return f"{head}{unrecognized}{' '.join(words)}"


def _name_alone(word: str) -> str:
    name, is_given, _ = word.partition("=")
    if not name.startswith("--") and len(name) > _SHORT_OPTION:
        return f"{name[:_SHORT_OPTION]}..."
    return f"{name}=..." if is_given else name


def print_error(message: str, program: str | None = None) -> None:
    """Print ``error: message`` on standard error, on one line whatever the message holds.

    A program's name comes first if it is given. On a terminal the line is folded between words.
    """
    name = f"{program}: " if program else ""
    print_folded(f"{name}error: {' '.join(message.splitlines())}")


def print_folded(line: str) -> None:
    """Print a line on standard error; on a terminal, break it where it would break within a word."""
    line = visible(line)
    if sys.stderr.isatty():
        line = textwrap.fill(
            line,
            shutil.get_terminal_size().columns,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    sys.stderr.write(f"{line}\n")


def print_warning(message: str) -> None:
    """Print ``warning: message`` on standard error, on one line whatever the message holds."""
    sys.stderr.write(f"warning: {visible(' '.join(message.splitlines()))}\n")


def end_with_stdin() -> None:
    """End this process, as SIGTERM does, when its standard input ends.

    The program that starts it holds the other end of the pipe. The system closes it however that program
    ends, so this process cannot outlive it.
    """

    def watch() -> None:
        # Not sys.stdin: the interpreter takes its lock at exit, and this read would hold it.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
