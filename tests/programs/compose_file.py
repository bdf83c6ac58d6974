"""Reads the project's compose file with docker-compose itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).resolve().parents[2]
_FILES = ("docker-compose.yml", "deploy/standin.env", "deploy/pipeline.env", "deploy/Dockerfile")


def compose_config(
    folder: Path,
    profile: str | None = None,
    *,
    dotenv: str = "",
    files: dict[str, str] | None = None,
    **variables: str,
) -> dict[str, Any]:
    """Return ``docker-compose config``, run without the developer's own .env and variables.

    Args:
        folder: where the file and what it names are copied to.
        profile: the one to switch on.
        dotenv: of ``.env`` there.
        files: further ones, with their texts.
        variables: of the environment.
    """
    (folder / "deploy").mkdir(exist_ok=True)
    for name in _FILES:
        shutil.copy(_ROOT / name, folder / name)
    for name, text in {".env": dotenv, **(files or {})}.items():
        (folder / name).write_text(text)
    finished = subprocess.run(
        ["docker-compose", *(["--profile", profile] if profile else []), "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    content: dict[str, Any] = yaml.safe_load(finished.stdout)
    return content
