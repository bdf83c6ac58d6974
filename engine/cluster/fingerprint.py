"""The version of the code that a process runs. Master and workers of a run must have the same."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("config", "shapes", "metrics", "users", "run", "engine")


@cache
def code_fingerprint() -> str:
    """Return twelve characters that differ when any file differs that decides what is sent and counted."""
    digest = hashlib.sha256()
    # The kept people are the one file beside the code.
    files = [_ROOT / "locustfile.py", _ROOT / "run" / "made_up_people.json"]
    files += [path for room in _ROOMS for path in (_ROOT / room).rglob("*.py")]
    for path in sorted(files):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
