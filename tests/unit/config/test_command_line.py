"""Every command reports a mistake in the same form and takes no abbreviated argument."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from config.command_line import USAGE_ERROR, OneLineParser, print_error
from pipeline.dlq.command import main as dlq
from pipeline.produce.command import main as produce
from pipeline.worker.command import main as worker
from report.__main__ import main as report
from report.compare.__main__ import main as compare
from standin.command import main as standin


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (standin, ["--por", "0"]),
        (worker, ["--stand"]),
        (produce, ["--cou", "1"]),
        (dlq, ["list", "--show"]),
        (dlq, ["purge", "--al"]),
        (report, ["folder", "--out", "page.html"]),
        (compare, ["a", "b", "--max-r", "10%"]),
    ],
)
def test_an_abbreviated_argument_is_refused_in_one_line(
    command: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    assert ended.value.code == USAGE_ERROR
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1


def test_the_commands_of_a_parser_take_no_abbreviation_either(capsys: pytest.CaptureFixture[str]) -> None:
    parser = OneLineParser(prog="anything")
    parser.add_subparsers(required=True).add_parser("go").add_argument("--allow-live", action="store_true")
    assert parser.parse_args(["go", "--allow-live"]).allow_live
    with pytest.raises(SystemExit):
        parser.parse_args(["go", "--allow-l"])
    assert capsys.readouterr().err == "error: unrecognized arguments: --allow-l\n"


def test_a_mistake_stays_on_one_line_whatever_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        OneLineParser().parse_args(["first\nsecond"])
    print_error("third\r\nfourth")
    assert capsys.readouterr().err == ("error: unrecognized arguments: first second\nerror: third fourth\n")


def test_on_a_terminal_a_long_mistake_breaks_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    print_error("my.toml: expected one-that-is-too-long-to-be-on-the-first-line or two", "run")
    assert capsys.readouterr().err == (
        "run: error: my.toml: expected\n    one-that-is-too-long-to-be-on-the-first-line\n    or two\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--customer", "hush", "--more"], "unrecognized arguments: --customer ... --more"),
        (["--customer=hush"], "unrecognized arguments: --customer=..."),
        (["-phush", "hush", "hush"], "unrecognized arguments: -p... ..."),
        (["redis://me:hush@h/0"], "unrecognized arguments: redis://..."),
        (["me@h?token=hush"], "unrecognized arguments: ..."),
        (["--go=hush"], "argument --go: expected no value"),
        (["plainly", "wrong"], "unrecognized arguments: plainly wrong"),
    ],
)
def test_a_value_at_the_wrong_place_is_not_repeated(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = OneLineParser()
    parser.add_argument("--go", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(given)
    assert capsys.readouterr().err == f"error: {said}\n"
