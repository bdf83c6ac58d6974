"""A container's contents without a container: the files, variables and entry point that the image has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]


class Container:
    """The image's program, laid out in a folder as the build would, and started as an engine would.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.app = folder / "app"
        self.results = folder / "results"
        self._started: list[subprocess.Popen[str]] = []
        self._home = folder / "tmp"
        self._home.mkdir()
        dockerfile = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
        rest, _, self._final = dockerfile.rpartition("\nFROM ")
        (removed,) = re.findall(r"rm -rf ([^&]*)", rest.rpartition("\nFROM ")[2])
        patterns = [path.removeprefix("/app/") for path in removed.split()]
        for line in (ROOT / ".dockerignore").read_text().splitlines():
            name = line[1:].rstrip("/")
            if line.startswith("!") and not any(fnmatch(name, pattern) for pattern in patterns):
                self._copy(name)

    def start(self, *arguments: str, variables: Mapping[str, str]) -> subprocess.Popen[str]:
        """The entry point with arguments; the image's variables, and these over them."""
        (entry_point,) = re.findall(r"^ENTRYPOINT (.*)$", self._final, re.MULTILINE)
        environment = {**self._variables(), "LOAD_TEST_RESULTS_DIR": str(self.results), **variables}
        program, *fixed = json.loads(entry_point)
        process = subprocess.Popen(
            # An engine finds the program in the image's PATH, which here is that of this environment.
            [str(Path(sys.executable).with_name(program)), *fixed, *arguments],
            cwd=self.app,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what a failed test left behind."""
        for process in self._started:
            process.kill()
            process.communicate()

    def files(self) -> list[str]:
        """Every file of the program."""
        return sorted(str(path.relative_to(self.app)) for path in self.app.rglob("*") if path.is_file())

    @property
    def summary(self) -> dict[str, Any]:
        """The one run's summary.json."""
        (path,) = self.results.glob("*/summary.json")
        summary: dict[str, Any] = json.loads(path.read_text())
        return summary

    def _copy(self, name: str) -> None:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, self.app / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(ROOT / name, self.app / name)

    def _variables(self) -> dict[str, str]:
        (lines,) = re.findall(r"^ENV (.*)$", self._final, re.MULTILINE)
        variables = dict(pair.split("=", 1) for pair in lines.split())
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**variables, "PATH": path, "HOME": str(self._home)}


def compose_variables(service: str) -> dict[str, str]:
    """The variables that docker-compose.yml gives a service, each at its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    variables: dict[str, str] = yaml.safe_load(text)["services"][service]["environment"]
    return variables
