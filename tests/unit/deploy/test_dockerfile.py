"""The image's recipe: locked, without compilers or installers, not for root, and the whole program in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
BUILDER, FINAL = re.split(r"^FROM \$\{BASE_IMAGE\}$", DOCKERFILE, flags=re.MULTILINE)
IGNORE_LINES = (ROOT / ".dockerignore").read_text().splitlines()


def test_both_stages_stand_on_the_base_that_the_builder_names() -> None:
    assert re.search(r"^ARG BASE_IMAGE=\S+$", BUILDER, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE_IMAGE}"] * 2


def test_it_installs_what_the_lock_file_names_and_compiles_nothing() -> None:
    (install,) = re.findall(r"pip --python .*", BUILDER)
    for option in ("--require-hashes", "--only-binary :all:", "requirements.lock"):
        assert option in install
    assert not re.search(r"apt|gcc|build-essential|curl|wget", DOCKERFILE)


def test_the_final_stage_installs_nothing() -> None:
    assert "pip" not in FINAL
    assert len(re.findall(r"^COPY ", FINAL, re.MULTILINE)) == 2
    assert len(re.findall(r"^COPY --from=builder ", FINAL, re.MULTILINE)) == 2


def test_it_runs_locust_and_not_as_root() -> None:
    # A number, and not a name: Kubernetes cannot tell whether a name is root.
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", FINAL, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["locust"\]$', FINAL, re.MULTILINE)


def test_the_build_is_given_every_package_and_nothing_else() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    allowed = {line.removeprefix("!").rstrip("/") for line in IGNORE_LINES if line.startswith("!")}
    assert IGNORE_LINES[1] == "*"
    assert allowed == packages | {"locustfile.py", "requirements.lock"}
