"""The example of docs/scenarios.md runs as it stands there, from a file of its own and from ``users/``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.programs.load_test import ROOT, processes, run_load_test
from tests.servers.standin_server import StandinServer

PAGE = (ROOT / "docs/scenarios.md").read_text()
ROOMS = ("config", "engine", "metrics", "receiver", "report", "run", "shapes", "standin", "users")


def block(language: str) -> str:
    """The page's one block of code in a language."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def profile(user: str) -> str:
    text = block("toml").replace('user = "page"', f'user = "{user}"').replace('"10s"', '"2s"')
    assert f'user = "{user}"' in text
    return text


@pytest.mark.parametrize("workers", [0, 2])
def test_the_example_runs_from_a_file_beside_the_profile(tmp_path: Path, workers: int) -> None:
    (tmp_path / "my_users.py").write_text(block("python"))
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path,
            *(processes(workers) if workers else ()),
            profile=profile("my_users.py:PageUser"),
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )
        assert standin.stats()["requests"] == {"track": 10}
    assert finished.exit_code == 0, finished.stderr
    metrics = finished.summary["metrics"]
    assert metrics["page_duration"]["count"] == metrics["page_duration_from_arrival"]["count"] == 10
    assert "page status is 200" in finished.summary["root_group"]["checks"]
    assert metrics["page_duration"]["thresholds"] == {"p(95)<500": False}


def test_plain_locust_finds_a_new_file_in_the_folder_of_users(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room)
    shutil.copy(ROOT / "locustfile.py", copy)
    (copy / "users" / "page.py").write_text(block("python"))
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path,
            "PageUser",
            profile=profile("page"),
            root=copy,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )
        assert standin.stats()["requests"] == {"track": 10}
    assert finished.exit_code == 0, finished.stderr
    assert finished.summary["metrics"]["page_duration"]["count"] == 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind = 7", "users/page.py: PageUser.kind: expected small letters, digits and _, got 7"),
        ('kind = "track"', "users/: PageUser and TrackUser are both of kind 'track'"),
        ("kind = ", "users/page.py: cannot be loaded: SyntaxError"),
    ],
)
def test_a_mistake_in_a_new_file_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    copy = tmp_path / "copy"
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room)
    shutil.copy(ROOT / "locustfile.py", copy)
    (copy / "users" / "page.py").write_text(block("python").replace('kind = "page"', text))
    finished = run_load_test(tmp_path, "--profile", "smoke", root=copy)
    assert finished.exit_code == 2
    assert problem in finished.stderr
    assert finished.stderr.count("\n") == 1
