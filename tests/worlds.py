"""The two worlds that tests live in: a process belongs to one of them, from its first import on.

Locust patches the standard library for gevent when it is imported: sockets, threads, event loops. What runs
inside Locust has to be tested in such a process. Everything else must not be: the stand-in and the pipeline
run on asyncio, and a test that drives the load test as a program of its own has no use for the patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

TESTS = Path(__file__).resolve().parent
_LOCUST_ROOMS = ("engine", "run", "shapes", "users")


class World(Enum):
    """Where a test runs."""

    LOCUST = "Locust's"
    PLAIN = "plain"


def world_of(path: Path) -> World:
    """Return the world of a test's file, or of a folder of them."""
    kind, room = (*path.resolve().relative_to(TESTS).parts, "", "")[:2]
    return World.LOCUST if kind != "end_to_end" and room in _LOCUST_ROOMS else World.PLAIN


def folders_of(world: World, kinds: Sequence[str]) -> list[Path]:
    """Return the folders with tests of a world, and files that lie beside them, one kind after the other."""
    found = []
    for kind in kinds:
        folders = {path.parent for path in (TESTS / kind).glob("*/**/test_*.py")}
        found += sorted(folder for folder in folders if world_of(folder) is world)
        found += sorted(path for path in (TESTS / kind).glob("test_*.py") if world_of(path) is world)
    return found
