"""Commands that run in the tests' own process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest


def mistake(
    main: Callable[[Sequence[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """The one line that a command says of a mistake, and nothing else, before it ends with 2."""
    try:
        code: int | str | None = main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err
