"""The command line of ``scripts/cleanup.sh``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cleanup.clean_up import CleanUp
from cleanup.runs import all_people, people_of
from config.command_line import ABORTED, BROKEN, PASSED, USAGE_ERROR, OneLineParser, argument, print_error
from config.errors import ConfigError
from config.settings import load_settings, load_test_environment
from config.shown import shown
from pipeline.settings import load_target_settings

_FASTEST = 500
_RESULTS_DIR = "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Delete the people of a run, or of all load tests.

    Returns:
        The exit code. 0: all were deleted, and nobody is known to be left. 1: somebody is left, or it ended
        before; the same command goes on. 2: a mistake; nobody was deleted. 105: stopped by Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        variables = load_test_environment()
        results_dir = options.results_dir or Path(variables.get("LOAD_TEST_RESULTS_DIR", _RESULTS_DIR))
        runs = all_people(results_dir) if options.all_load_test else [people_of(results_dir, options.run_id)]
        clean_up = CleanUp(
            load_target_settings(variables),
            load_settings(variables).live_hosts,
            variables,
            requests_per_second=options.rate,
            confirmed=options.confirm_live or variables.get("LOAD_TEST_CONFIRM_LIVE"),
        )
        is_clean = clean_up.run(runs, everybody=options.all_load_test, is_dry=options.dry_run)
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    except KeyboardInterrupt:
        print_error("stopped by Ctrl-C; run the same again to go on")
        return ABORTED
    return PASSED if is_clean else BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/cleanup.sh",
        description="Delete the people that a load test has created, and nobody else. Nobody is suppressed.",
        epilog="The target and the keys come from the environment or .env, as for a run. See docs/live.md.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("run_id", nargs="?", metavar="RUN_ID", help="the run: the name of its folder")
    which.add_argument(
        "--all-load-test",
        action="store_true",
        help="the people of every run in the results folder, and with CUSTOMERIO_APP_KEY everybody who has "
        "the attribute _load_test and an id of a load test",
    )
    parser.add_argument("--dry-run", action="store_true", help="say who would be deleted; delete nobody")
    parser.add_argument(
        "--results-dir",
        type=Path,
        metavar="DIR",
        help=f"where the runs' folders are, or LOAD_TEST_RESULTS_DIR (default: {_RESULTS_DIR})",
    )
    parser.add_argument("--confirm-live", metavar="ID", help="the id of the live environment, as for a run")
    parser.add_argument(
        "--rate",
        type=argument(_rate),
        default=50,
        metavar="N",
        help="the most people deleted in a second (default: %(default)s)",
    )
    return parser


def _rate(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= _FASTEST):
        raise ValueError(f"expected a whole number, 1 to {_FASTEST}, got {shown(text)}")
    return int(text)
