"""Imports run one way, as the architecture page says: the ground floor knows nothing of what stands on it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def read_table() -> dict[str, set[str]]:
    """Return the page's table: for each room, in its order, the rooms that it knows of."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Rooms$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([\w/.]+?)/?` \| .* \| ([^|]*) \|$", section, re.MULTILINE)
    return {room: set(re.findall(r"`([\w/]+)`", known)) for room, known in rows}


TABLE = read_table()
WITHOUT_LOCUST = [
    *(
        path
        for room in ("cleanup", "config", "pipeline", "receiver", "standin", "metrics", "report")
        for path in (ROOT / room).rglob("*.py")
    ),
    *(ROOT / "engine" / "cluster").glob("*.py"),
    *(
        ROOT / "shapes" / name
        for name in ("schedule.py", "clock.py", "ledger.py", "share.py", "accounts.py", "vu_pool.py")
    ),
]


def imported(path: Path) -> set[str]:
    """Return the full names of the modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would hide the room"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def room_of(path: str) -> str | None:
    """Return the row of the table that a path below the project belongs to: the narrowest one."""
    rooms = [room for room in TABLE if path == room or path.startswith(f"{room}/")]
    return max(rooms, key=len, default=None)


def modules_of(room: str) -> list[Path]:
    """Return the modules of a row, without those of a row of their own within it."""
    place = ROOT / room
    modules = [place] if place.is_file() else list(place.rglob("*.py"))
    return [path for path in modules if room_of(path.relative_to(ROOT).as_posix()) == room]


def test_the_table_names_every_room() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms <= TABLE.keys()
    assert "engine" in rooms


@pytest.mark.parametrize("room", TABLE)
def test_the_table_says_what_a_room_imports(room: str) -> None:
    """An import that the table does not name fails, and so does a name that no import uses."""
    modules = modules_of(room)
    assert modules
    known: dict[str, Path] = {}
    for path in modules:
        for name in imported(path):
            other = room_of(name.replace(".", "/"))
            if other is not None and other != room:
                known[other] = path.relative_to(ROOT)
    assert TABLE[room] == known.keys(), known


def test_imports_run_one_way() -> None:
    above: set[str] = set()
    for room, known in TABLE.items():
        assert known <= above, f"{room} knows of rooms that do not stand above it"
        above.add(room)


@pytest.mark.parametrize(("room", "other"), [("tests", "benchmarks"), ("benchmarks", "tests")])
def test_tests_and_benchmarks_do_not_import_each_other(room: str, other: str) -> None:
    modules = list((ROOT / room).rglob("*.py"))
    assert modules
    assert [path for path in modules if other in top_level(path)] == []


@pytest.mark.parametrize("path", WITHOUT_LOCUST, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_arithmetic_metrics_and_stand_in_know_nothing_of_locust(path: Path) -> None:
    assert not top_level(path) & {"locust", "gevent"}
