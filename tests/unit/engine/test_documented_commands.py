"""Every command that README and docs print is one that its program takes. None of them is run here.

A command of the load test is read as the load test reads it, and its plan is prepared. One of another program
of ours goes through that program's parser. What needs a container or a cluster is held against our files.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from cleanup.command import _parser as cleanup
from config.profile_names import profile_names
from engine.command_line import read_command_line
from engine.dry_run import show_plan
from engine.help import help_text
from engine.plain_errors import plain_errors
from pipeline.dlq.arguments import parser as dlq
from pipeline.plan.command import _parser as plan
from pipeline.produce.command import _parser as produce
from pipeline.rehearse.command import _parser as rehearse
from pipeline.worker.command import _parser as worker
from receiver.command import _parser as receiver
from report.__main__ import _parser as report
from report.compare.__main__ import _parser as compare
from standin.command import _parser as stand_in
from tests.programs.documented_commands import ROOT, DocumentedCommand, documented_commands
from users.kinds import shipped_kinds

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PROFILES = {name for service in COMPOSE["services"].values() for name in service.get("profiles", [])}
ELSEWHERE = {
    "git": "the repository's address is the reader's",
    "cd": "a shell's own",
    "k6": "another program",
    "kubectl": "needs a cluster; paths are checked, and the manifests have tests of their own",
    "docker": "needs an engine; paths are checked, and the Dockerfile has tests of its own",
}
# A page's example of a class that the reader writes, and one that there is.
EXAMPLES = {"PageUser": "IdentifyUser"}
PIPELINE = {"worker": worker, "produce": produce, "dlq": dlq, "plan": plan, "rehearse": rehearse}
OTHERS = {"scripts/report.sh": report, "scripts/compare.sh": compare, "scripts/stand-in.sh": stand_in}
OTHERS["scripts/cleanup.sh"] = cleanup


def check_load_test(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if arguments == ["--help"]:
        assert help_text()
        return
    monkeypatch.setattr(
        sys, "argv", ["run-load-test.sh", *(EXAMPLES.get(word, word) for word in arguments if word != "--ui")]
    )
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    with plain_errors():
        options = read_command_line(parser, shipped_kinds())
        # A reader's own profile is not here.
        if options.profile in profile_names() and not options.worker:
            show_plan(options, {})


def check_parsed(make_parser: Callable[[], argparse.ArgumentParser], arguments: list[str]) -> None:
    parser = make_parser()
    if arguments == ["--help"]:
        assert parser.format_help()
        return
    # A shell expands these, and a run has a name of its own.
    parser.parse_args([word.replace("*", "RUN") for word in arguments])


def check_compose(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = list(arguments)
    while words[0] == "--profile":
        assert words[1] in PROFILES
        words = words[2:]
    command, *rest = words
    assert command in {"up", "run", "down", "build", "config"}
    with_value = {"-v", "--entrypoint", "--scale", "--exit-code-from"}
    named = [word for before, word in zip(["", *rest], rest, strict=False) if before not in with_value]
    services = [word for word in named if not word.startswith("-")]
    if command == "run":
        assert services[0] in COMPOSE["services"]
        own = rest[rest.index(services[0]) + 1 :]
        if services[0] == "master":
            check_load_test(["--master", *own], monkeypatch)
        return
    assert set(services) <= COMPOSE["services"].keys()


def check_tests(arguments: list[str]) -> None:
    for word in arguments:
        assert word in {"--fast", "-k", "dropped"} or (ROOT / word).is_file()


def check_python(arguments: list[str]) -> None:
    source = (ROOT / arguments[0]).read_text(encoding="utf-8")
    for flag in (word for word in arguments if word.startswith("--")):
        assert f'"{flag}"' in source


def check_paths(arguments: list[str]) -> None:
    """A path of this project exists, whatever program it is for."""
    for word in arguments:
        path = re.sub(r"^customerio-load/", "", word)
        if path.startswith("deploy/"):
            assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "command",
    [pytest.param(each, id=f"{each.place} {' '.join(each.words)}") for each in documented_commands()],
)
def test_a_command_of_the_documentation_is_taken_as_printed(
    command: DocumentedCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *arguments = command.words
    if program.startswith("scripts/"):
        assert os.access(ROOT / program, os.X_OK)
    if program == "scripts/run-load-test.sh":
        check_load_test(arguments, monkeypatch)
    elif program == "scripts/run-pipeline.sh":
        check_parsed(PIPELINE[arguments[0]], arguments[1:])
    elif program in OTHERS:
        check_parsed(OTHERS[program], arguments)
    elif program == "scripts/run-tests.sh":
        check_tests(arguments)
    elif program == "scripts/lock.sh":
        assert set(arguments) <= {"--upgrade"}
    elif command.words[:3] == ["python", "-m", "receiver"]:
        check_parsed(receiver, arguments[2:])
    elif program == ".venv/bin/python":
        check_python(arguments)
    elif program == "docker-compose":
        check_compose(arguments, monkeypatch)
    else:
        assert program in ELSEWHERE, "expected a check of this program, or a reason for none"
        check_paths(arguments)
    assert not list(tmp_path.iterdir())


def test_a_command_that_is_wrong_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (["--profil", "smoke"], ["--vus", "5"], ["SmokeUser"]):
        with pytest.raises(SystemExit):
            check_load_test(wrong, monkeypatch)
    with pytest.raises(SystemExit):
        check_parsed(produce, ["--count", "many"])
    with pytest.raises(AssertionError):
        check_compose(["run", "mistress", "--headless"], monkeypatch)
