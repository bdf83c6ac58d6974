"""Tests of Locust's world and of the plain one never share a process, and none is left out of both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.worlds import TESTS, World, folders_of, world_of

_KINDS = ("end_to_end", "integration", "unit")


def test_nothing_in_this_process_is_patched() -> None:
    """All plain tests of this process are collected, and so imported, before the first of them runs."""
    assert world_of(TESTS / "unit" / "test_worlds.py") is World.PLAIN
    assert not {"gevent", "locust"} & sys.modules.keys()


def test_both_worlds_in_one_process_are_refused() -> None:
    paths = ("tests/unit/shapes/test_share.py", "tests/unit/config/test_limits.py")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *paths]
    finished = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert finished.returncode == 4
    assert "expected: scripts/run-tests.sh" in finished.stderr


def test_every_test_is_in_a_folder_of_one_world() -> None:
    run: list[Path] = []
    for world in World:
        for place in folders_of(world, _KINDS):
            run += [place] if place.is_file() else place.glob("test_*.py")
    assert sorted(run) == sorted(TESTS.rglob("test_*.py"))
