"""The images' recipe: locked, without compilers or installers, not for root, and the whole program in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
PREFACE, *_STAGES = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)
IGNORE_LINES = (ROOT / ".dockerignore").read_text().splitlines()
INSTALLER, PIPELINE_BUILDER, PIPELINE, BUILDER, LOAD_TEST = _STAGES
LOCKS = {"load-test": "requirements-otel.lock", "pipeline": "requirements-pipeline-image.lock"}
BUILDERS = {"load-test": BUILDER, "pipeline": PIPELINE_BUILDER}
FINALS = {"load-test": LOAD_TEST, "pipeline": PIPELINE}


def test_all_stages_stand_on_the_base_that_is_named_once() -> None:
    assert len(re.findall(r"^ARG BASE_IMAGE=\S+$", PREFACE, re.MULTILINE)) == 1
    assert [stage.partition("\n")[0] for stage in _STAGES] == [
        "FROM ${BASE_IMAGE} AS installer",
        "FROM installer AS pipeline-builder",
        "FROM ${BASE_IMAGE} AS pipeline",
        "FROM installer AS builder",
        # The last one is what a build makes where no target is named.
        "FROM ${BASE_IMAGE}",
    ]


@pytest.mark.parametrize("image", LOCKS)
def test_it_installs_what_the_lock_file_names_and_compiles_nothing(image: str) -> None:
    (install,) = re.findall(r"pip --python .*", BUILDERS[image])
    for option in ("--require-hashes", "--only-binary :all:", f"--requirement /tmp/{LOCKS[image]}"):
        assert option in install
    assert re.findall(r"^COPY (\S+\.lock) /tmp/$", BUILDERS[image], re.MULTILINE) == [LOCKS[image]]
    assert "pip" not in INSTALLER.replace("--without-pip", "")
    assert not re.search(r"apt|gcc|build-essential|curl|wget", DOCKERFILE)


def test_the_pipelines_lock_file_has_what_the_pipeline_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = set(project["dependency-groups"]["pipeline-image"])
    assert set(project["project"]["optional-dependencies"]["pipeline"]) <= wanted
    locked = _locked(LOCKS["pipeline"])
    assert {re.split(r"[<>=\[]", requirement)[0] for requirement in wanted} <= locked.keys()
    # The versions that the tests run with, and neither the load test nor test tools.
    assert locked.items() <= _locked("requirements-dev.lock").items()
    assert locked.keys().isdisjoint({"locust", "gevent", "flask", "pytest", "faker"})


def _locked(lock: str) -> dict[str, str]:
    """Return the versions of a lock file by package."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize(("image", "builder"), [("load-test", "builder"), ("pipeline", "pipeline-builder")])
def test_the_final_stage_installs_nothing(image: str, builder: str) -> None:
    final = FINALS[image]
    assert "pip " not in final
    assert len(re.findall(r"^COPY ", final, re.MULTILINE)) == 2
    assert len(re.findall(rf"^COPY --from={builder} ", final, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    ("image", "entry_point"),
    [("load-test", '["python", "-m", "engine"]'), ("pipeline", '["python", "-m", "pipeline.worker"]')],
)
def test_it_runs_its_program_and_not_as_root(image: str, entry_point: str) -> None:
    # A number, and not a name: Kubernetes cannot tell whether a name is root.
    assert re.findall(r"^USER (.*)$", FINALS[image], re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^ENTRYPOINT (.*)$", FINALS[image], re.MULTILINE) == [entry_point]


def test_each_image_has_its_own_program_and_not_the_others() -> None:
    assert re.findall(r"^COPY (\w+) /app/(\w+)$", PIPELINE_BUILDER, re.MULTILINE) == [
        ("config", "config"),
        ("pipeline", "pipeline"),
    ]
    assert re.findall(r"^COPY \. /app$", BUILDER, re.MULTILINE)
    (removed,) = re.findall(r"rm -rf ([^&]*) ", BUILDER)
    assert removed.split() == ["/app/requirements*.lock", "/app/deploy", "/app/pipeline"]
    for builder in BUILDERS.values():
        assert "compileall -q /app" in builder


def test_the_build_is_given_every_package_and_nothing_else() -> None:
    # A clean-up runs where the results are.
    others = {"tests", "benchmarks", "cleanup"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - others
    allowed = {line.removeprefix("!").rstrip("/") for line in IGNORE_LINES if line.startswith("!")}
    assert IGNORE_LINES[1] == "*"
    assert allowed == packages | {"locustfile.py", *LOCKS.values()}
