"""The built-in profiles by name. They are read and validated elsewhere: help and mistakes need no more."""

from __future__ import annotations

from pathlib import Path

PROFILES_FOLDER = Path(__file__).with_name("profiles")
DEFAULT_PROFILE = "ramping-rate"


def profile_names() -> list[str]:
    """Return the names of the built-in profiles."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.toml"))
