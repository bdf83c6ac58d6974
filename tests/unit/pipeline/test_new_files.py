"""Files that commands write anew: complete, or not there, and never over another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.backfill.options import BackfillOptions
from pipeline.dlq.command import main as dlq
from pipeline.produce.command import main as produce
from tests.programs.command_line import mistake


def test_invented_messages_go_to_a_file_without_kafka(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "events.jsonl"
    assert produce(["--count", "100", "--people", "10", "--to", str(target)]) == 0
    assert f"written to {target}: 20 identify, 80 track in " in capsys.readouterr().out
    lines = target.read_bytes().splitlines()
    assert len(lines) == 100
    assert {json.loads(line)["userId"] for line in lines} == {f"person-{n:06d}" for n in range(1, 11)}
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "events.jsonl"
    target.write_text("mine\n")
    assert "exists; expected the name of a new file; no file was written" in mistake(
        produce, ["--count", "1", "--to", str(target)], capsys
    )
    assert target.read_text() == "mine\n"


@pytest.mark.parametrize("option", [["--topic", "t"], ["--brokers", "b:1"], ["--partitions", "2"]])
def test_a_file_and_kafka_are_not_mixed(
    tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--to: expected no --brokers, --topic or --partitions" in mistake(
        produce, ["--count", "1", "--to", str(tmp_path / "new"), *option], capsys
    )


def test_a_bad_line_leaves_no_half_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "source.jsonl", tmp_path / "new.jsonl"
    source.write_text('{"type": "identify", "userId": "ada", "payload": {}}\nnonsense\n')
    assert "no file was written" in mistake(produce, ["--from", str(source), "--to", str(target)], capsys)
    assert produce(["--from", str(source), "--to", str(target), "--skip-bad"]) == 0
    assert target.read_text() == source.read_text().partition("nonsense")[0]
    assert sorted(tmp_path.iterdir()) == sorted([source, target])


@pytest.mark.parametrize("letters", [None, ""])
def test_a_replay_that_fails_or_finds_nothing_leaves_no_file(tmp_path: Path, letters: str | None) -> None:
    source, target = tmp_path / "a.dead.jsonl", tmp_path / "new.jsonl"
    if letters is not None:
        source.write_text(letters)
    code = dlq(["replay", "--file", str(source), "--to", str(target)])
    assert code == (2 if letters is None else 0)
    assert not target.exists()
    assert len(list(tmp_path.iterdir())) == (letters is not None)


def test_only_a_file_that_trials_alone_write_begins_anew() -> None:
    assert BackfillOptions("a", None, None, is_trial=True).is_own_trial_file
    assert not BackfillOptions("a", None, Path("mine.jsonl"), is_trial=True).is_own_trial_file
    assert not BackfillOptions("a", None, None).is_own_trial_file
