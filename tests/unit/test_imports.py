"""Imports run one way: the ground floor knows nothing of what stands on it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "config": set[str](),
    "shapes": {"config"},
    "metrics": {"config", "shapes"},
    "users": {"config", "shapes", "metrics"},
    "report": {"config", "shapes", "metrics"},
    "run": {"config", "shapes", "metrics", "users", "report"},
    "engine": {"config", "shapes", "metrics", "users", "report", "run", "standin"},
    "standin": {"config"},
    "pipeline": {"config", "standin"},
}
WITHOUT_LOCUST = [
    *(
        path
        for room in ("config", "pipeline", "standin", "metrics", "report")
        for path in (ROOT / room).rglob("*.py")
    ),
    *(ROOT / "engine" / "cluster").glob("*.py"),
    *(
        ROOT / "shapes" / name
        for name in ("schedule.py", "clock.py", "ledger.py", "share.py", "accounts.py", "vu_pool.py")
    ),
]


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would hide the room"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_below(room: str) -> None:
    modules = list((ROOT / room).rglob("*.py"))
    assert modules
    for path in modules:
        above = imported(path) & ROOMS.keys() - ROOMS[room] - {room}
        assert not above, f"{path.relative_to(ROOT)} imports {above}"


@pytest.mark.parametrize("path", WITHOUT_LOCUST, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_arithmetic_metrics_and_stand_in_know_nothing_of_locust(path: Path) -> None:
    assert not imported(path) & {"locust", "gevent"}
