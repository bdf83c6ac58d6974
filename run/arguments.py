"""The load test's own arguments among Locust's."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser

from config.errors import ConfigError
from config.profile import DEFAULT_PROFILE, profile_names

DEFAULT_RESULTS_DIR = "results"


@dataclass(frozen=True)
class Arguments:
    """What a run was asked for; ``time_scale`` multiplies durations and leaves rates alone."""

    profile: str
    time_scale: float
    results_dir: Path
    allow_live: bool
    people_seed: int
    outputs: tuple[str, ...] = ()
    outputs_optional: bool = False
    queue_metrics: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the record of a run."""
        lists = {"outputs": list(self.outputs), "queue_metrics": list(self.queue_metrics)}
        return {**asdict(self), "results_dir": str(self.results_dir), **lists}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Arguments:
        """From ``as_dict``."""
        tuples = {name: tuple(data[name]) for name in ("outputs", "queue_metrics")}
        return cls(**{**data, "results_dir": Path(data["results_dir"]), **tuples})


def add_arguments(parser: LocustArgumentParser) -> None:
    """Add our arguments to Locust's, each with its environment variable."""
    _adopt_profile(parser)
    parser.add_argument(
        "--time-scale",
        type=parse_time_scale,
        default=1.0,
        metavar="X",
        env_var="LOAD_TEST_TIME_SCALE",
        help="Multiply every duration of the profile by this and keep the rates (default: 1)",
    )
    parser.add_argument(
        "--people-seed",
        type=parse_people_seed,
        default=0,
        metavar="N",
        env_var="LOAD_TEST_PEOPLE_SEED",
        help="Seed of the made-up people: the same seed sends the same names (default: 0)",
    )
    parser.add_argument(
        "--results-dir",
        default=DEFAULT_RESULTS_DIR,
        metavar="DIR",
        env_var="LOAD_TEST_RESULTS_DIR",
        include_in_web_ui=False,
        help=f"Each run gets a folder of its own in here (default: {DEFAULT_RESULTS_DIR})",
    )
    parser.add_argument(
        "--allow-live",
        action="store_true",
        env_var="LOAD_TEST_ALLOW_LIVE",
        include_in_web_ui=False,
        help="Allow load on a host under customer.io, a live workspace",
    )
    _add_output_arguments(parser)


def _add_output_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="OUTPUT",
        env_var="LOAD_TEST_OUT",
        include_in_web_ui=False,
        help="Where samples go beside metrics.csv, several times if need be: json, json=PATH, "
        "influxdb=http://HOST:8086/DATABASE, influxdb=http://HOST:8086?org=ORG&bucket=BUCKET",
    )
    parser.add_argument(
        "--out-optional",
        action="store_true",
        env_var="LOAD_TEST_OUT_OPTIONAL",
        include_in_web_ui=False,
        help="Start even if an output cannot be reached",
    )
    parser.add_argument(
        "--queue-metrics",
        action="append",
        default=[],
        metavar="URL",
        env_var="LOAD_TEST_QUEUE_METRICS",
        include_in_web_ui=False,
        help="The /metrics page of a pipeline worker or of a Kafka exporter, several times if need be: "
        "the queue's backlog is watched during the run",
    )


def read_arguments(
    options: argparse.Namespace,
    form: Mapping[str, str] | None = None,
    first: Arguments | None = None,
) -> Arguments:
    """Our part of the parsed options, with what the web UI's form would change laid over them.

    ``first`` is what the command line said: its profile stands in for an empty one, and what no form
    may change stays as it is there.

    Raises:
        ConfigError: a value from the form is not as expected.
    """
    form = form or {}
    try:
        scale = parse_time_scale(str(form.get("time_scale", options.time_scale)))
        seed = parse_people_seed(str(form.get("people_seed", options.people_seed)))
    except argparse.ArgumentTypeError as error:
        raise ConfigError(str(error)) from error
    return Arguments(
        profile=(form.get("profile", options.profile) or "").strip()
        or (first.profile if first else DEFAULT_PROFILE),
        time_scale=scale,
        results_dir=first.results_dir if first else Path(options.results_dir),
        allow_live=first.allow_live if first else options.allow_live,
        people_seed=seed,
        outputs=first.outputs if first else _several(options.out),
        outputs_optional=first.outputs_optional if first else options.out_optional,
        queue_metrics=first.queue_metrics if first else _several(options.queue_metrics),
    )


def _several(given: Sequence[str]) -> tuple[str, ...]:
    """Values from repeated arguments, or from one variable with commas."""
    return tuple(one.strip() for several in given for one in several.split(",") if one.strip())


def parse_time_scale(text: str) -> float:
    """A finite factor above zero; ``argparse.ArgumentTypeError`` for anything else."""
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise argparse.ArgumentTypeError(f"time scale: expected a number above zero, got {text!r}")
    return factor


def parse_people_seed(text: str) -> int:
    """A whole number; ``argparse.ArgumentTypeError`` for anything else."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"people seed: expected a whole number, got {text!r}") from error


def _adopt_profile(parser: LocustArgumentParser) -> None:
    """Locust has a ``--profile`` that groups test runs by a name; ours is that name."""
    action = next(one for one in parser._actions if "--profile" in one.option_strings)
    action.default = DEFAULT_PROFILE
    action.metavar = "NAME|PATH"
    action.help = (
        f"What to run: {', '.join(profile_names())}, or the path of a .toml file (default: {DEFAULT_PROFILE})"
    )
    action.env_var = "LOAD_TEST_PROFILE"
