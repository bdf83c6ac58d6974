"""A clean-up's mistakes: one line, exit code 2, and nobody is asked anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cleanup.app_api import app_url
from cleanup.command import main
from cleanup.deleting import _deletion
from cleanup.journal import Journal
from cleanup.runs import all_people
from config.errors import ConfigError
from config.people_record import PEOPLE_RECORD, PeopleRecord
from tests.programs.command_line import mistake

RUN = "20261127-120000-aaaaaa"
# A port on which nobody listens: a request would fail otherwise than the tests expect.
NOBODY = "http://127.0.0.1:9"
RECORD = PeopleRecord(RUN, NOBODY, None, 5, None)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.env").touch()
    monkeypatch.setenv("LOAD_TEST_ENV_FILE", str(tmp_path / "empty.env"))
    monkeypatch.setenv("CUSTOMERIO_BASE_URL", NOBODY)
    for name in ("CUSTOMERIO_SITE_ID", "CUSTOMERIO_API_KEY", "CUSTOMERIO_AUTH", "CUSTOMERIO_APP_KEY"):
        monkeypatch.delenv(name, raising=False)


def folder_of(results: Path, text: str, run_id: str = RUN) -> Path:
    folder = results / run_id
    folder.mkdir()
    (folder / PEOPLE_RECORD).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "one of the arguments RUN_ID --all-load-test is required"),
        ([RUN, "--all-load-test"], "not allowed with argument"),
        ([RUN, "--rate", "0"], "--rate: expected a whole number, 1 to 500, got '0'"),
        ([RUN, "--rate", "501"], "--rate: expected a whole number, 1 to 500, got '501'"),
        (["../etc"], "'../etc': no such run; expected the name of a folder in "),
        (["no-such-run"], "'no-such-run': no such run; expected the name of a folder in "),
        ([RUN, "--api-key", "hush"], "--api-key"),
    ],
    ids=["nothing", "both", "slow", "fast", "path", "no-run", "key"],
)
def test_wrong_arguments(
    arguments: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = mistake(main, [*arguments, "--results-dir", str(tmp_path)], capsys)
    assert problem in line
    assert "hush" not in line


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"further_ids": ["ada"]}, "an id that does not begin with load-test-"),
        ({"run_id": "20261127-120000-bbbbbb"}, "expected the record of this run, got that of"),
        ({"people": "many"}, "expected the record of a run: people: "),
        (
            {"base_url": "http://127.0.0.1:7"},
            "its people are in 'http://127.0.0.1:7', the credentials are of",
        ),
        ({"environment_id": "3"}, "its people are in 'environment 3 at http://127.0.0.1:9', the cred"),
    ],
    ids=["no-mark", "another-run", "damaged", "another-host", "another-environment"],
)
def test_a_record_that_is_not_of_this_run_and_workspace(
    change: dict[str, object], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of(tmp_path, json.dumps({**json.loads(RECORD.to_json()), **change}))
    assert problem in mistake(main, [RUN, "--results-dir", str(tmp_path)], capsys)


def test_a_dry_run_says_who_and_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path, RECORD.to_json())
    assert main([RUN, "--dry-run", "--results-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"CLEAN-UP of {NOBODY}: 5 people, at most 50/s, about 100ms",
        f"  Run {RUN}: 5 people, load-test-{RUN}-1 to load-test-{RUN}-5",
        "Dry run: nobody is deleted, nothing is asked.",
    ]
    assert [path.name for path in folder.iterdir()] == [PEOPLE_RECORD]


def test_folders_without_a_record_are_no_runs(tmp_path: Path) -> None:
    folder_of(tmp_path, RECORD.to_json())
    (tmp_path / "notes").mkdir()
    assert [created.record for created in all_people(tmp_path)] == [RECORD]


@pytest.mark.parametrize("person_id", ["ada", "", "load-test-", "pool-1"])
def test_nobody_without_the_mark_can_be_deleted(person_id: str) -> None:
    with pytest.raises(ValueError, match="without the mark"):
        _deletion(person_id)


def test_a_journal_counts_for_its_workspace_and_for_one_process(tmp_path: Path) -> None:
    with Journal(tmp_path, "3") as journal:
        assert journal.read() == 0
        journal.write(50)
        assert journal.read() == 50
        with pytest.raises(ConfigError, match="another clean-up of this run is going"):
            Journal(tmp_path, "3")
    with Journal(tmp_path, "4") as journal:
        assert journal.read() == 0
    (tmp_path / "cleanup.json").write_text("{")
    with Journal(tmp_path, "3") as journal, pytest.raises(ConfigError, match="remove it to begin anew"):
        journal.read()


@pytest.mark.parametrize(
    ("track", "app"),
    [
        ("https://track.customer.io", "https://api.customer.io"),
        ("https://track-eu.customer.io", "https://api-eu.customer.io"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://proxy.example.com", None),
    ],
)
def test_where_the_app_api_is(track: str, app: str | None) -> None:
    assert app_url(track) == app
