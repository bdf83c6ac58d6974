"""Finds the name that a user probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_CLOSE = 0.75


def nearest(name: str, names: Iterable[str], also: Mapping[str, str] | None = None) -> str | None:
    """Return the one of ``names`` that ``name`` is probably meant to be, or ``None``.

    Case, ``-`` and ``_`` do not count: ``startRate`` is ``start_rate``.

    Args:
        name: what the user wrote.
        names: what is known.
        also: names that other tools use, each with ours.
    """
    known = {_plain(candidate): candidate for candidate in names}
    others = {_plain(other): ours for other, ours in (also or {}).items() if ours in known.values()}
    candidates = {**others, **known}
    # A long text is no slip of the pen, and the comparison takes quadratic time.
    found = difflib.get_close_matches(_plain(name[:60]), candidates, n=1, cutoff=_CLOSE)
    return candidates[found[0]] if found else None


def did_you_mean(suggestion: str | None) -> str:
    """Return the end of an error line that names a suggestion; empty without one."""
    return f"; did you mean {suggestion}?" if suggestion else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
