"""``--help``: our options first, in groups, and those of Locust that mean something here."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence

from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from engine.locust_internals.command_line import options_of
from engine.options import add_options

_MOST_COLUMNS = 100
_GROUPS: Mapping[str, Sequence[str]] = {
    "What to run": (
        "--profile", "--time-scale", "--people-seed", "--http-client", "--resend-post", "--traceparent",
    ),
    "Where to": ("--host", "--allow-live", "--confirm-live", "--people-budget", "--event-age"),
    "Watching": ("--dry-run", "--ui", "--quiet", "--web-host", "--web-port", "--queue-metrics"),
    "Results": (
        "--results-dir", "--share-results", "--summary-export", "--out", "--out-optional", "--csv", "--html",
    ),
    "More than one process": (
        "--processes", "--master", "--expect-workers", "--master-bind-host", "--worker", "--master-host",
    ),
    "Help": ("--help", "--help-locust", "--loglevel"),
}  # fmt: skip

_HEAD = """\
usage: scripts/run-load-test.sh [options] [IdentifyUser] [TrackUser]

Send identify and track to Customer.io at an exact arrival rate. Without
credentials the load goes to a stand-in on this machine. With names of user
classes, only their scenarios run.

Examples:
  scripts/run-load-test.sh --profile smoke            ten seconds: does it work?
  scripts/run-load-test.sh --time-scale 0.1           the default, in 54 s
  scripts/run-load-test.sh --profile spike --dry-run  show the plan only
  scripts/run-load-test.sh --processes 4              four workers share it

"""
_FOOT = """
A profile sets rates, lengths and VUs; write your own: docs/profiles.md.
Options can be set in .env: --time-scale as LOAD_TEST_TIME_SCALE, and so on.
A file named STOP in this folder, or in the run's, ends a run.
Exit codes: 0 all thresholds passed; 99 a threshold failed, or the abort
switch ended the run; 105 stopped by Ctrl-C, SIGTERM or STOP; 2 a mistake in
arguments or settings, nothing was sent; 1 the run itself broke.
Locust's options that are not listed here: --help-locust
"""
LOCUSTS_HELP_NOTE = """\
These are Locust's own options; ours: --help. The profile sets rates, lengths
and VUs, so -u, -r and -t are refused, and so are options that choose tasks.

"""


def help_text() -> str:
    """Return the whole text, as wide as the terminal, at most 100 columns."""
    width = min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
    formatter = argparse.RawDescriptionHelpFormatter("", max_help_position=28, width=width)
    options = {**_locusts_and_ours(), **_own_entries()}
    for title, flags in _GROUPS.items():
        formatter.start_section(title)
        formatter.add_arguments([options[flag] for flag in flags])
        formatter.end_section()
    return f"{_HEAD}{formatter.format_help()}{_FOOT}"


def _locusts_and_ours() -> Mapping[str, argparse.Action]:
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    add_options(parser)
    return options_of(parser)


def _own_entries() -> Mapping[str, argparse.Action]:
    """Return the options that never reach Locust's parser."""
    texts = {
        "--ui": "Show runs in the browser, at http://localhost:8089; start and stop them there",
        "--help-locust": "Show Locust's options",
    }
    parser = argparse.ArgumentParser(add_help=False)
    entries = {
        flag: parser.add_argument(flag, action="store_true", help=text) for flag, text in texts.items()
    }
    return {**entries, "--help": parser.add_argument("-h", "--help", action="help", help="Show this help")}
