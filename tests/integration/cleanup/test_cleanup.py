"""The clean-up of a run on a workspace that a stand-in plays: all of its people, and nobody else's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from config.load_test_people import OBJECT_TYPE
from config.people_record import PEOPLE_RECORD, PeopleRecord
from tests.programs.live_like import CREDENTIALS, ENVIRONMENT, live_settings
from tests.programs.waiting import wait_until
from tests.servers.standin_server import StandinServer

ROOT = Path(__file__).resolve().parents[3]
RUN, OTHER_RUN = "20261127-120000-aaaaaa", "20261127-130000-bbbbbb"
SECONDS = 60


@pytest.fixture(scope="module")
def shared() -> Iterator[StandinServer]:
    with StandinServer("--no-app-limits") as standin:
        yield standin


@pytest.fixture
def standin(shared: StandinServer) -> StandinServer:
    shared.reset()
    return shared


def create(standin: StandinServer, *ids: str, **attributes: object) -> None:
    """Let the stand-in know people, without the load test."""
    for start in range(0, len(ids), 200):
        operations = [
            {
                "type": "person",
                "identifiers": {"id": person_id},
                "action": "identify",
                "attributes": attributes,
            }
            for person_id in ids[start : start + 200]
        ]
        response = requests.post(
            f"{standin.url}/api/v2/batch",
            json={"batch": operations},
            auth=(CREDENTIALS["CUSTOMERIO_SITE_ID"], CREDENTIALS["CUSTOMERIO_API_KEY"]),
            timeout=SECONDS,
        )
        assert response.status_code == 200, response.text


def create_object(standin: StandinServer, object_id: str) -> None:
    """Let the stand-in know an object."""
    which = {"object_type_id": OBJECT_TYPE, "object_id": object_id}
    response = requests.post(
        f"{standin.url}/api/v2/entity",
        json={"type": "object", "action": "identify", "identifiers": which},
        auth=("site", "key"),
        timeout=SECONDS,
    )
    assert response.status_code == 200, response.text


def left(standin: StandinServer) -> list[str]:
    """Return the ids of everybody whom the stand-in knows."""
    page = requests.get(f"{standin.url}/_standin/people?prefix=&limit=1000", timeout=SECONDS).json()
    assert len(page["ids"]) == page["people"]
    return sorted(page["ids"])


def run_folder(results: Path, standin: StandinServer, run_id: str = RUN, **changes: object) -> PeopleRecord:
    """Leave the folder of a run, as it is from its start on."""
    fields = {"environment_id": ENVIRONMENT, "people": 5, "budget": None, **changes}
    record = PeopleRecord(run_id=run_id, base_url=standin.url, **fields)  # type: ignore[arg-type]
    folder = results / run_id
    folder.mkdir(parents=True)
    (folder / PEOPLE_RECORD).write_text(record.to_json())
    return record


def start(results: Path, settings: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    own = ("CUSTOMERIO_", "LOAD_TEST_", "PIPELINE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    (results / "empty.env").touch()
    return subprocess.Popen(
        [sys.executable, "-m", "cleanup", "--results-dir", str(results), *arguments],
        cwd=ROOT,
        env={**environment, "LOAD_TEST_ENV_FILE": str(results / "empty.env"), **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def clean_up(results: Path, settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Return the exit code and what was said."""
    process = start(results, settings, *arguments)
    out, err = process.communicate(timeout=SECONDS)
    assert out == ""
    assert CREDENTIALS["CUSTOMERIO_API_KEY"] not in err
    return process.returncode, err


def test_killed_half_way_and_resumed_it_leaves_nobody_of_the_run_and_everybody_else(
    tmp_path: Path, standin: StandinServer
) -> None:
    record = run_folder(tmp_path, standin, people=600)
    others = ["ada", f"load-test-{OTHER_RUN}-1", f"load-test-{RUN}-601", "load-test-pool-1"]
    create(standin, *record.ids(), *others, _load_test=True)
    settings = {**live_settings(standin), "CUSTOMERIO_APP_KEY": "app-key"}
    confirmed = (RUN, "--confirm-live", ENVIRONMENT, "--rate", "200")
    first = start(tmp_path, settings, *confirmed)
    wait_until("a third is deleted", SECONDS, lambda: standin.stats()["people"] < 604 - 200)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=SECONDS)
    deleted = json.loads((tmp_path / RUN / "cleanup.json").read_text())["deleted"]
    assert 0 < deleted < 600
    assert 4 < standin.stats()["people"] <= 604 - deleted
    code, said = clean_up(tmp_path, settings, *confirmed)
    assert code == 0, said
    assert f"Run {RUN}: {deleted} were deleted by an earlier clean-up; going on" in said
    assert f"Run {RUN}: 600 of 600 people deleted\n  Verified: nobody is left" in said
    assert left(standin) == sorted(others)
    assert standin.stats()["suppressed"] == 0
    # Of the first clean-up no more is repeated than what was in flight when it was killed.
    assert standin.stats()["requests"]["entity"] <= 600 + 50


def test_without_the_environments_id_nobody_is_deleted(tmp_path: Path, standin: StandinServer) -> None:
    create(standin, *run_folder(tmp_path, standin).ids())
    code, said = clean_up(tmp_path, live_settings(standin), RUN)
    assert code == 2
    *plan, line = said.splitlines()
    assert plan[0].startswith(
        f"CLEAN-UP of environment {ENVIRONMENT} at {standin.url}: 5 people, at most 50/s"
    )
    assert f"--confirm-live: expected the id of the live environment, {ENVIRONMENT}" in line
    assert standin.stats()["requests"] == {"batch": 1, "region": 1}
    assert standin.stats()["people"] == 5


def test_everybody_with_the_mark_is_deleted_and_others_with_the_attribute_are_not(
    tmp_path: Path, standin: StandinServer
) -> None:
    """Of two runs with a budget, of a run without a folder, and of one that is elsewhere nobody."""
    run_folder(tmp_path, standin, people=9, budget=3)
    create_object(standin, "load-test-pool-company-1")
    create_object(standin, "company-1")
    run_folder(tmp_path, standin, OTHER_RUN, people=9, budget=4, objects=1)
    elsewhere = run_folder(tmp_path, standin, "20261127-140000-cccccc", environment_id="99")
    create(standin, "load-test-pool-1", "load-test-pool-4", "load-test-forgotten-7", "ada", _load_test=True)
    create(standin, *elsewhere.ids())
    settings = {**live_settings(standin), "CUSTOMERIO_APP_KEY": "app-key"}
    code, said = clean_up(tmp_path, settings, "--all-load-test", "--confirm-live", ENVIRONMENT)
    assert code == 0, said
    assert left(standin) == sorted(["ada", *elsewhere.ids()])
    assert "Left alone: run 20261127-140000-cccccc, its people are in 'environment 99 at" in said
    assert "Left alone: 1 people with _load_test whose id is not a load test's" in said
    assert "And 1 of 1 objects deleted" in said
    assert standin.stats()["objects"] == 1
    # Two objects are made; then a pool of four people, an object and a forgotten person are deleted.
    assert standin.stats()["requests"]["entity"] == 2 + 4 + 1 + 1
