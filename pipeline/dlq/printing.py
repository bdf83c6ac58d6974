"""Prints the results of the dead letter commands on standard output."""

from __future__ import annotations

from collections import Counter


def print_result(line: str) -> None:
    """Print a line on standard output."""
    print(line)  # noqa: T201 - the command's output


def counted(causes: Counter[str]) -> str:
    """Return a text such as ``3 dead letters (1 not_json, 2 refused)``."""
    listed = ", ".join(f"{number} {cause}" for cause, number in sorted(causes.items()))
    letters = "1 dead letter" if causes.total() == 1 else f"{causes.total()} dead letters"
    return f"{letters} ({listed})" if listed else letters
