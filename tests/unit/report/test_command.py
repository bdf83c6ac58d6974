"""The command: where the report goes, and one plain line for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from report.__main__ import main
from tests.unit.report.run_folder import write_folder


def damage(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def test_it_writes_into_the_folder_and_prints_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "r")
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "metrics.csv",
        "report.html",
        "settings.json",
        "summary.json",
    ]


def test_it_writes_elsewhere_when_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "r")
    assert main([str(folder), "--output", str(tmp_path / "out.html")]) == 0
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("mishap", "told"),
    [
        (lambda folder: (folder / "metrics.csv").unlink(), "metrics.csv"),
        (lambda folder: (folder / "settings.json").unlink(), "settings.json"),
        (damage("settings.json", "{"), "settings.json"),
        (damage("settings.json", "[]"), "settings.json"),
        (damage("settings.json", "{}"), "profile"),
        (damage("settings.json", '{"profile": {"scenarios": {"a": {}}}}'), "profile"),
        (damage("summary.json", "no"), "summary.json"),
        (damage("summary.json", "{}"), "summary.json"),
        (
            damage(
                "summary.json",
                '{"metrics": {}, "ledger": {}, "generator": {}, "verdict": {}, "run": {}, "workers": [{}]}',
            ),
            "summary.json",
        ),
        (damage("metrics.csv", ""), "metrics.csv"),
        (damage("metrics.csv", "a,b\n1,2\n"), "metrics.csv"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    mishap: Callable[[Path], object], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "r")
    mishap(folder)
    assert main([str(folder)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert told in output.err
    assert output.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert "absent: no such folder" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "r")
    assert main([str(folder), "--output", str(tmp_path / "none" / "out.html")]) == 2
    assert "out.html: cannot be written" in capsys.readouterr().err


def test_a_line_damaged_in_the_middle_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "r")
    lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4][:20]
    (folder / "metrics.csv").write_text("\n".join(lines), encoding="utf-8")
    assert main([str(folder)]) == 2
    assert "line 5 is damaged" in capsys.readouterr().err


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "r", is_killed=True)
    with (folder / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write("1800000000,9,http_reqs,coun")
    assert main([str(folder)]) == 0
