"""A key on a command line is refused in one line that does not repeat it, by every command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from config.keys_on_command_line import key_on_command_line
from config.settings import read_environment
from pipeline.dlq.command import main as dlq
from pipeline.plan.command import main as plan
from pipeline.produce.command import main as produce
from pipeline.worker.command import main as worker
from report.compare.__main__ import main as compare
from tests.programs.command_line import mistake


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-key", "hush"],
        ["--api-key=hush"],
        ["--API_KEY=hush"],
        ["--profile", "smoke", "--site-id", "hush"],
        ["--customerio-api-key", "hush"],
        ["-api-key", "hush"],
        ["--app-key", "hush"],
        ["--auth", "hush"],
        ["CUSTOMERIO_API_KEY=hush"],
        ["-e", "CUSTOMERIO_API_KEY=hush"],
        ["-eCUSTOMERIO_API_KEY=hush"],
        ["--env=CIO_API_KEY=hush"],
        ["-e", "CUSTOMERIO_AUTH=hush=="],
        ["cio_site_id=hush"],
    ],
    ids=" ".join,
)
def test_a_key_is_found_and_not_repeated(arguments: list[str]) -> None:
    line = key_on_command_line(arguments)
    assert line is not None
    assert "CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY" in line
    assert "hush" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--profile", "smoke", "--time-scale=0.1", "IdentifyUser"],
        ["--out", "influxdb=http://127.0.0.1:8086/k6"],
        ["-e", "SITE=1"],
        ["--web-login", "--people-seed", "7"],
        ["--", "--api-key", "x"],
        ["--tags", "author=me"],
        ["CUSTOMERIO_API_KEY="],
    ],
    ids=" ".join,
)
def test_other_arguments_are_no_keys(arguments: list[str]) -> None:
    assert key_on_command_line(arguments) is None


def test_a_commands_own_flag_is_its_own() -> None:
    assert key_on_command_line(["--api-key", "x"], {"--api-key"}) is None


@pytest.mark.parametrize("main", [worker, produce, dlq, plan, compare], ids=lambda main: main.__module__)
@pytest.mark.parametrize("argument", ["--api-key=hush", "CUSTOMERIO_API_KEY=hush"])
def test_every_command_refuses_it(
    main: Callable[[Sequence[str]], int], argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = mistake(main, [argument], capsys)
    assert "everybody on this machine can read a key on a command line" in line
    assert "hush" not in line


@pytest.mark.parametrize(
    ("mode", "text", "warns"),
    [
        (0o600, "CUSTOMERIO_API_KEY=hush\n", False),
        (0o640, "CUSTOMERIO_API_KEY=hush\n", True),
        (0o604, "REDIS_URL=redis://:hush@h\n", True),
        (0o644, "CUSTOMERIO_API_KEY=\nLOAD_TEST_PROFILE=smoke\n", False),
    ],
    ids=["own", "group", "world", "no-secret"],
)
def test_a_file_with_secrets_that_others_can_read_gets_a_warning(
    mode: int, text: str, warns: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env_file = tmp_path / "my .env"
    env_file.write_text(text)
    env_file.chmod(mode)
    read_environment({}, env_file)
    expected = f"warning: {env_file}: others can read its secrets; chmod 600 '{env_file}'\n" if warns else ""
    assert capsys.readouterr().err == expected
