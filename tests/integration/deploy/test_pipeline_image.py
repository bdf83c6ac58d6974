"""The pipeline's image, laid out in a folder as the build would: it stands without the load test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Every module of the program, imported from the folder alone.
_IMPORT_ALL = """
import importlib, pkgutil, sys
import config, pipeline
names = [
    module.name for room in (config, pipeline)
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + ".")
    if not module.name.endswith("__main__")
]
for name in names:
    importlib.import_module(name)
rooms = {name.partition(".")[0] for name in sys.modules}
print(len(names), *sorted(rooms & {"locust", "gevent", "standin", "users", "metrics", "tests"}))
from importlib.metadata import packages_distributions
print(*{name for room, names in packages_distributions().items() if room in rooms for name in names})
"""


# Libraries import these if they happen to be there; of OpenTelemetry's there are many.
_OPTIONAL = {"brotli", "cryptography", "psutil", "pysocks", "setuptools"}
_OPTIONAL_FAMILY = "opentelemetry-"


def test_every_module_is_there_and_needs_nothing_of_the_load_test(tmp_path: Path) -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)
    (builder,) = [stage for stage in stages if stage.startswith("installer AS pipeline-builder")]
    (final,) = [stage for stage in stages if stage.startswith("${BASE_IMAGE} AS pipeline")]
    ignored = re.findall(r"^pipeline/(\w+)/$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source, target in re.findall(r"^COPY (\w+) /app/(\w+)$", builder, re.MULTILINE):
        shutil.copytree(
            ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__", *ignored)
        )
    (lines,) = re.findall(r"^ENV (.*)$", final, re.MULTILINE)
    variables = dict(pair.split("=", 1) for pair in lines.split())
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_ALL],
        cwd=tmp_path,
        env={**variables, "PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    imported, distributions = finished.stdout.splitlines()
    count, *others = imported.split()
    assert int(count) > 20
    assert others == []
    lock = (ROOT / "requirements-pipeline-image.lock").read_text()
    locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    names = {name.lower().replace("_", "-") for name in distributions.split()}
    needed = {name for name in names - _OPTIONAL if not name.startswith(_OPTIONAL_FAMILY)}
    assert needed <= locked
    assert not list(tmp_path.rglob("__pycache__"))
