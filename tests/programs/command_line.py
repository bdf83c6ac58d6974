"""Commands that run in the tests' own process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest


def mistake(
    main: Callable[[Sequence[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must end with exit code 2; return its one line, the only thing it printed."""
    try:
        code: int | str | None = main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err
