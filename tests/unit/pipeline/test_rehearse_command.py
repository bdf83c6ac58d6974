"""What the rehearsal says of arguments that cannot be right; nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rehearse.command import main

NONSENSE = {
    "no_profile": [],
    "profile_missing": ["--profile", "no-such-profile"],
    "time_scale_zero": ["--profile", "smoke", "--time-scale", "0"],
    "time_scale_nan": ["--profile", "smoke", "--time-scale", "nan"],
    "most_below_least": ["--profile", "smoke", "--least", "5", "--most", "4"],
    "no_workers": ["--profile", "smoke", "--least", "0"],
    "backlog_negative": ["--profile", "smoke", "--backlog=-1"],
    "kill_never": ["--profile", "smoke", "--kill-after", "later"],
    "latency_no_duration": ["--profile", "smoke", "--latency", "fast"],
    "broker_no_port": ["--profile", "smoke", "--brokers", "localhost"],
    "output_exists": ["--profile", "smoke", "--output", "/"],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_ENV_FILE", "/dev/null")
    try:
        code = main(NONSENSE[name])
    except SystemExit as error:
        code = int(error.code or 0)
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    assert list(tmp_path.iterdir()) == []
