"""Check style and types and run the tests; ``scripts/run-tests.sh`` calls this in the right environment.

    scripts/run-tests.sh                              everything
    scripts/run-tests.sh --fast                       style, types and unit tests
    scripts/run-tests.sh tests/unit/pipeline -k name  just these, in one process of their world

Further arguments go to every pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.worlds import World, folders_of, world_of  # noqa: E402 - after the path

_TESTS = "tests, "
_NO_TESTS_COLLECTED = 5
# Tests of a file share servers and runs. The files come in the order of the command line: long ones first.
_BY_FILE = ["--dist", "loadfile", "--no-loadscope-reorder"]
# Tests that run at the same time each have a cache of what failed last.
_LOCUSTS_OWN_CACHE = ["-o", "cache_dir=.pytest_cache/locust"]
_UNIT_TESTS_OWN_CACHE = ["-o", "cache_dir=.pytest_cache/unit"]
# What computes all the time takes what is left of the processors by those that have arrivals to keep.
_PATIENT = ["nice", "-n", "10"]


class Check:
    """A command that runs from now on; ``result`` waits for it.

    Args:
        name: as the closing lines say it.
        command: a module of this Python, and its arguments.
        beside: whether another check has the terminal meanwhile; the output is shown when it has ended.
        is_patient: whether all others go first.
    """

    def __init__(self, name: str, *command: str, beside: bool = False, is_patient: bool = False) -> None:
        self.name = name
        self._output: IO[bytes] | None = tempfile.TemporaryFile() if beside else None  # noqa: SIM115
        self._process = subprocess.Popen(
            [*(_PATIENT if is_patient else []), sys.executable, "-m", *command],
            cwd=ROOT,
            stdout=self._output,
            stderr=self._output,
        )

    def result(self) -> int:
        """Wait for the end, show what was not shown yet, and return the exit code."""
        code = self._process.wait()
        if self._output is not None:
            self._output.seek(0)
            sys.stdout.buffer.write(self._output.read())
            sys.stdout.buffer.flush()
            self._output.close()
        return code


def main(arguments: list[str]) -> int:
    """Run what the arguments say and return 0 if all of it is well."""
    # The tests start hundreds of processes, and each would compile all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    fast = "--fast" in arguments
    arguments = [argument for argument in arguments if argument != "--fast"]
    named = [argument for argument in arguments if _is_test_path(argument)]
    options = [argument for argument in arguments if argument not in named]
    run = _run_fast if fast else _run_everything
    codes = _run_named(named, options) if named else run(options)
    tests = {name: code for name, code in codes.items() if name.startswith(_TESTS)}
    if set(tests.values()) != {_NO_TESTS_COLLECTED}:
        # Options such as -k may leave one of several processes without a test, but not all of them.
        codes |= {name: 0 for name, code in tests.items() if code == _NO_TESTS_COLLECTED}
    for name, code in codes.items():
        print(f"{'FAILED' if code else 'ok':<6}  {name}", flush=True)
    return 1 if any(codes.values()) else 0


def _is_test_path(argument: str) -> bool:
    path = ROOT / argument.partition("::")[0]
    return argument.startswith("tests/") and path.exists()


def _run_named(named: list[str], options: list[str]) -> dict[str, int]:
    codes = {}
    for world in World:
        paths = [path for path in named if world_of(ROOT / path.partition("::")[0]) is world]
        if paths:
            name = f"{_TESTS}{world.value} world"
            codes[name] = Check(name, "pytest", *paths, *options).result()
    return codes


def _run_fast(options: list[str]) -> dict[str, int]:
    beside = [*_style_and_types(), _locusts_world(options, "unit")]
    unit = Check(
        f"{_TESTS}plain world", "pytest", "-n", str(_processors()), *_BY_FILE, *_plain("unit"), *options
    )
    return _results([unit, *beside])


def _run_everything(options: list[str]) -> dict[str, int]:
    beside = [
        *_style_and_types(is_patient=True),
        _locusts_world(options, "integration", "unit"),
        Check(
            f"{_TESTS}plain world's units", "pytest", *_UNIT_TESTS_OWN_CACHE, *_plain("unit"), *options,
            beside=True, is_patient=True,
        ),
    ]  # fmt: skip
    # More than processors, as most of the long tests wait for runs that last some seconds; not many more, as
    # those runs have arrivals to keep.
    workers = str(_processors() * 2)
    long = [*_BY_FILE, *_plain("end_to_end", "integration"), *options]
    # Who chooses by marks has chosen.
    is_split = "-m" not in options
    parallel = Check(
        f"{_TESTS}plain world", "pytest", "-n", workers, *(["-m", "not alone"] if is_split else []), *long
    )
    codes = _results([parallel, *beside])
    if is_split:
        # Two at a time leave the machine mostly idle: they wait for runs.
        alone = Check(f"{_TESTS}plain world, on a quiet machine", "pytest", "-n", "2", "-m", "alone", *long)
        codes |= _results([alone])
    return codes


def _style_and_types(*, is_patient: bool = False) -> list[Check]:
    return [
        Check("format", "ruff", "format", "--check", "--quiet", ".", beside=True, is_patient=is_patient),
        Check("style", "ruff", "check", "--quiet", ".", beside=True, is_patient=is_patient),
        Check("types", "mypy", beside=True, is_patient=is_patient),
    ]


def _locusts_world(options: list[str], *kinds: str) -> Check:
    folders = _folders(World.LOCUST, *kinds)
    return Check(f"{_TESTS}Locust's world", "pytest", *_LOCUSTS_OWN_CACHE, *folders, *options, beside=True)


def _plain(*kinds: str) -> list[str]:
    return _folders(World.PLAIN, *kinds)


def _folders(world: World, *kinds: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in folders_of(world, kinds)]


def _results(checks: list[Check]) -> dict[str, int]:
    return {check.name: check.result() for check in checks}


def _processors() -> int:
    return max(2, len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
