"""The command: folders that a run wrote go in; a table, a page and an exit code come out."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metrics.catalog import tags
from metrics.csv_output import CsvOutput
from metrics.store import MetricStore
from metrics.verdict import GeneratorFigures, Verdict
from report.compare.__main__ import main
from report.run_report import RunReport
from report.summary.k6_export import write_summary_json
from shapes.ledger import Ledger

RATE = 40


def write_run(
    folder: Path,
    *,
    seed: int = 1,
    factor: float = 1.0,
    failing: float = 0.0,
    name: str = "run",
    rate: int = RATE,
    seconds: int = 60,
) -> Path:
    """A run as the load test writes it, with latencies around 20 ms times ``factor``."""
    folder.mkdir()
    generator, store = random.Random(seed), MetricStore()
    output = CsvOutput(folder / "metrics.csv")
    for second in range(seconds):
        for _ in range(rate):
            failed = generator.random() < failing
            status = "500" if failed else "200"
            duration = generator.lognormvariate(3, 0.3) * factor
            tagged = tags(scenario="a", method="PUT", name="identify", status=status)
            store.add("http_req_duration", duration, tagged)
            store.add("identify_duration", duration, tagged)
            store.add("http_reqs", 1, tags(scenario="a", **({"error": "5xx server error"} if failed else {})))
            store.add("http_req_failed", failed, tagged)
            store.add("errors", failed, tags(scenario="a"))
        output.samples(1_700_000_000 + second, second, list(store.fold()))
    output.stop()
    count = seconds * rate
    report = RunReport(
        run_id=name,
        folder=folder,
        seconds=seconds,
        store=store,
        thresholds=(),
        ledgers={"a": Ledger(count, count, count, 0, 0, 0, 0, count, 0)},
        losses=(),
        generator=GeneratorFigures(0.4, 0.84, 3.0, 31.2, 40.0, 50),
        workers=(),
        verdict=Verdict(True, "Generator kept the schedule"),
        faults=(),
        notes=(),
        ended_by="finished",
        record={
            "target": "http://127.0.0.1:1",
            "is_standin": True,
            "arguments": {"time_scale": 1.0},
            "profile": {"scenarios": {"a": {"rate": rate}}},
        },
    )
    write_summary_json(folder / "summary.json", report)
    return folder


def edited(folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "summary.json"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    return folder


@pytest.fixture
def run_a(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a")


def outcome(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The exit code and what was printed; stderr has something only where there was a mistake."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert bool(printed.err) == (code == 2)
    return code, printed.out + printed.err


def test_a_second_run_of_the_same_is_no_regression(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = write_run(tmp_path / "b", seed=2)
    code, printed = outcome(capsys, run_a, again, "--max-regression", "0%", "--max-error-increase", "0")
    assert code == 0
    assert "No difference beyond noise in 8 of 8 figures" in printed
    assert "Warning" not in printed
    assert re.search(r"http_reqs +2400 +2400 +same", printed)


def test_the_exit_code_is_99_only_beyond_the_limit_that_was_given(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = write_run(tmp_path / "b", seed=2, factor=1.3)
    assert outcome(capsys, run_a, slower)[0] == 0
    assert outcome(capsys, run_a, slower, "--max-regression", "50%")[0] == 0
    code, printed = outcome(capsys, run_a, slower, "--max-regression", "10%")
    assert code == 99
    assert "Regression beyond the limit: identify_duration p50" in printed
    # The other way round it is an improvement.
    code, printed = outcome(capsys, slower, run_a, "--max-regression", "10%")
    assert code == 0
    assert re.search(r"\d better of 8 figures", printed)


def test_error_rates_are_held_to_percentage_points(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = write_run(tmp_path / "b", failing=0.03)
    code, printed = outcome(capsys, run_a, failing, "--max-regression", "10")
    assert code == 99
    assert "Regression beyond the limit: errors rate, http_req_failed rate" in printed
    assert re.search(r"errors: 5xx server error +0 +\d+ +\+\d+", printed)
    assert outcome(capsys, run_a, failing, "--max-error-increase", "5")[0] == 0
    assert outcome(capsys, run_a, failing, "--max-error-increase", "2")[0] == 99


def test_other_profiles_and_a_generator_at_its_limit_are_warned_of(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_run(tmp_path / "b", rate=20)
    edited(other, lambda data: data["verdict"].update(kept_schedule=False, line="It did not keep up"))
    edited(other, lambda data: data["run"].update(ended_by="interrupted"))
    code, printed = outcome(capsys, run_a, other)
    assert code == 0
    assert "Warning: the runs differ in profile" in printed
    assert "Warning: run B: It did not keep up" in printed
    assert "Warning: run B did not run to its end (interrupted)" in printed


def test_two_time_scales_of_one_profile_are_one_profile_and_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def scaled(name: str, time_scale: float) -> Path:
        def change(data: dict[str, Any]) -> None:
            stages = [{"target": 40, "duration": 600 * time_scale}]
            data["run"]["arguments"]["time_scale"] = time_scale
            data["run"]["profile"]["scenarios"] = {"a": {"stages": stages, "timeout": 5.0}}

        return edited(write_run(tmp_path / name, seed=7, seconds=round(600 * time_scale)), change)

    code, printed = outcome(capsys, scaled("a", 0.05), scaled("b", 0.1))
    assert code == 0
    assert "Warning: the runs differ in time scale (0.05 and 0.1)" in printed
    assert "differ in profile" not in printed
    # 1200 values against 2400: p99 too has a bound.
    assert "No difference beyond noise in 8 of 8 figures" in printed


def test_without_metrics_csv_the_summary_is_enough_with_a_warning(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = write_run(tmp_path / "b", factor=1.3)
    for folder in (run_a, slower):
        (folder / "metrics.csv").unlink()
    code, printed = outcome(capsys, run_a, slower, "--max-regression", "10")
    assert code == 99
    assert "Warning: run A has no metrics.csv" in printed


def test_a_summary_of_before_workers_and_lost_arrivals_is_read(
    run_a: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(data: dict[str, Any]) -> None:
        del data["workers"], data["lost"], data["errors_by_kind"], data["ledger"]["a"]["lost"]

    assert outcome(capsys, edited(run_a, older), run_a)[0] == 0


def test_the_page_is_one_file_and_shows_names_as_text(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = write_run(tmp_path / "b", name="<script>alert(1)</script>", factor=1.3)
    page = tmp_path / "page.html"
    assert outcome(capsys, run_a, hostile, "--html", page, "--max-regression", "5")[0] == 99
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"https?:|url\(|@import|src=|href=", text)
    assert "prefers-color-scheme: dark" in text
    assert text.count("<svg") == 8
    assert len(text) < 50_000


def test_of_runs_too_short_to_tell_nothing_is_said_and_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = write_run(tmp_path / "a", seconds=4, rate=3)
    after = write_run(tmp_path / "b", seconds=4, rate=3, factor=1.5)
    page = tmp_path / "page.html"
    code, printed = outcome(capsys, before, after, "--max-regression", "10", "--html", page)
    assert code == 0
    assert "too few values to tell for" in printed
    assert "too few values to tell" in page.read_text(encoding="utf-8")


def test_the_same_runs_give_the_same_page(run_a: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "b", seed=2)
    pages = [tmp_path / "1.html", tmp_path / "2.html"]
    for page in pages:
        main([str(run_a), str(other), "--html", str(page)])
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("summary.json", None, "summary.json: no such file; the run has not ended, or was killed"),
        ("summary.json", '{"metrics": {', "summary.json: damaged: "),
        ("summary.json", "[]", "summary.json: not the summary of a run: it has no metrics"),
        ("summary.json", '{"metrics": {}}', "summary.json: not the summary of a run: 'run' is missing"),
        ("summary.json", b"\xff\xfe\x00", "summary.json: damaged: "),
        ("summary.json", '{"metrics": {}, "run": {"id": "\\ud800"}}', "summary.json: damaged: "),
        ("summary.json", "[" * 100_000, "summary.json: damaged: "),
        ("metrics.csv", "second,metric,type\n0,a,trend\n", "metrics.csv: line 2 is damaged"),
        ("metrics.csv", b"\xff\xfe\x00", "metrics.csv: line 1 is damaged"),
    ],
)
def test_a_damaged_file_is_a_mistake_told_in_one_line(
    run_a: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: str | bytes | None,
    problem: str,
) -> None:
    damaged = write_run(tmp_path / "b")
    if content is None:
        (damaged / file).unlink()
    else:
        (damaged / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    code, printed = outcome(capsys, run_a, damaged)
    assert code == 2
    assert problem in printed
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


def test_runs_with_nothing_in_common_are_a_mistake_not_a_pass(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = edited(write_run(tmp_path / "b"), lambda data: data["metrics"].clear())
    code, printed = outcome(capsys, run_a, idle, "--max-regression", "10")
    assert (code, printed) == (2, f"error: {run_a} and {idle}: no latency and no error rate in common\n")


def test_a_folder_that_is_not_there_and_a_page_that_cannot_be_written_are_mistakes(
    run_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    assert outcome(capsys, run_a, missing) == (
        2,
        f"error: {missing}: no such folder; expected that of a run, such as results/<run id>\n",
    )
    code, printed = outcome(capsys, run_a, run_a, "--html", missing / "page.html")
    assert (code, printed.count("\n")) == (2, 1)
    assert "page.html: cannot be written: No such file or directory" in printed


@pytest.mark.parametrize("value", ["ten", "-1", "nan", ""])
def test_a_limit_that_is_no_percentage_is_a_mistake(
    run_a: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(run_a), str(run_a), f"--max-regression={value}"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: argument --max-regression: expected a percentage such as 10 or 10%, got {value!r}\n"
    )
