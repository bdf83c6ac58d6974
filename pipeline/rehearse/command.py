"""The command line of ``python -m pipeline.rehearse``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from aiokafka.errors import KafkaConnectionError, KafkaError

from config.command_line import (
    BROKEN,
    PASSED,
    THRESHOLDS_FAILED,
    USAGE_ERROR,
    OneLineParser,
    print_error,
)
from config.durations import parse_duration_seconds
from config.errors import ConfigError
from config.profile import load_profile
from config.shown import shown
from pipeline.autoscaling.deployment import WorkerDeployment
from pipeline.rehearse.options import RehearsalOptions
from pipeline.rehearse.page import headline_of, summary_of, write_files
from pipeline.rehearse.rehearsal import rehearse, settings_of
from pipeline.settings import pipeline_environment

_DEPLOYMENT = WorkerDeployment()


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse, and print what came of it.

    Returns:
        The exit code. 0: everything was delivered once and in order, within the limit, and the replicas are
        back at their least. 99: not so. 1: the broker can't be used. 2: an argument or a setting is wrong.
    """
    options = _parser().parse_args(arguments)
    # The client logs lost connections at length. This command prints one line instead.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    variables = {}
    try:
        variables = pipeline_environment()
        if options.brokers is not None:
            variables["KAFKA_BROKERS"] = options.brokers
        brokers = settings_of(variables).kafka.brokers
        prepared = _prepare(options)
        print(f"{_plan(prepared)}, broker {brokers}", file=sys.stderr)  # noqa: T201
        rehearsal = asyncio.run(rehearse(variables, prepared))
        page = write_files(rehearsal, prepared.folder)
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    except KafkaConnectionError:
        print_error(f"the broker at {brokers} can't be reached; --brokers or KAFKA_BROKERS names another")
        return BROKEN
    except (KafkaError, TimeoutError) as error:
        print_error(
            f"the broker at {brokers}: {error or type(error).__name__}; if it lacks idempotent writes, use "
            "--no-idempotence"
        )
        return BROKEN
    except KeyboardInterrupt:
        print_error("interrupted")
        return BROKEN
    word = headline_of(rehearsal)
    print(f"{word}: {rehearsal.account.line}")  # noqa: T201 - the command's output
    print(f"{summary_of(rehearsal)}; {page}")  # noqa: T201
    return PASSED if word == "Passed" else THRESHOLDS_FAILED


def _prepare(options: argparse.Namespace) -> RehearsalOptions:
    if options.most < options.least:
        raise ConfigError(f"--most: expected at least --least ({options.least}), got {options.most}")
    profile = load_profile(options.profile).scaled(options.time_scale)
    folder = options.output or Path("results") / time.strftime("rehearsal-%Y%m%d-%H%M%S")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"--output: {folder}: expected a new folder: {error.strerror}") from error
    deployment = replace(
        _DEPLOYMENT,
        least_replicas=options.least,
        most_replicas=options.most,
        backlog_per_replica=options.backlog,
    )
    return RehearsalOptions(
        profile=profile,
        time_scale=options.time_scale,
        deployment=deployment,
        partitions=options.partitions or 12 * math.ceil(options.most / 12),
        latency_seconds=options.latency,
        kill_after_seconds=options.kill_after,
        idempotent=not options.no_idempotence,
        folder=folder.resolve(),
    )


def _plan(options: RehearsalOptions) -> str:
    deployment = options.deployment
    return (
        f"Rehearsing {deployment.least_replicas} to {deployment.most_replicas} workers, a look every "
        f"{options.look_seconds:g} s, against a stand-in"
    )


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/run-pipeline.sh rehearse",
        description=(
            "Send a load profile through the broker, let Kubernetes' autoscaling formula scale real workers "
            "on this machine, and account for every message. Customer.io is a local stand-in."
        ),
        epilog="Settings come from the environment and .env: KAFKA_BROKERS, BATCH_SIZE, LIMIT_REQUESTS ...",
    )
    parser.add_argument(
        "--profile",
        required=True,
        metavar="NAME|PATH",
        help="the load: a message for each arrival of this profile",
    )
    parser.add_argument(
        "--time-scale",
        type=_above_zero,
        default=1.0,
        metavar="X",
        help="multiply the durations of the profile and of the autoscaler by X, keep the rates (default: 1)",
    )
    parser.add_argument("--brokers", metavar="HOST:PORT", help="overrides KAFKA_BROKERS")
    parser.add_argument(
        "--least",
        type=_whole,
        default=_DEPLOYMENT.least_replicas,
        metavar="N",
        help="fewest workers (default: %(default)s)",
    )
    parser.add_argument(
        "--most",
        type=_whole,
        default=_DEPLOYMENT.most_replicas,
        metavar="N",
        help="most workers (default: %(default)s)",
    )
    parser.add_argument(
        "--backlog",
        type=_whole,
        default=_DEPLOYMENT.backlog_per_replica,
        metavar="N",
        help="backlog per worker that the autoscaler aims at, in messages (default: %(default)s)",
    )
    parser.add_argument(
        "--partitions",
        type=_whole,
        metavar="N",
        help="partitions of the topic (default: the first multiple of 12 that is not below --most)",
    )
    parser.add_argument(
        "--latency",
        type=_seconds,
        default=0.02,
        metavar="DURATION",
        help="time until the stand-in responds (default: 20ms)",
    )
    parser.add_argument(
        "--kill-after",
        type=_seconds,
        metavar="DURATION",
        help="kill one worker with SIGKILL this long after the start",
    )
    parser.add_argument(
        "--no-idempotence", action="store_true", help="for a broker without idempotent writes"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="new folder for page, figures and logs (default: results/rehearsal-...)",
    )
    return parser


def _checked(
    text: str, read: Callable[[str], float], is_right: Callable[[float], bool], expected: str
) -> float:
    try:
        value = read(text)
    except ValueError:
        value = math.nan
    if not is_right(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {shown(text)}")
    return value


def _whole(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 6
    return int(
        _checked(text if is_number else "", int, lambda value: value >= 1, "a whole number, at least 1")
    )


def _above_zero(text: str) -> float:
    return _checked(text, float, lambda value: 0 < value <= 100, "a number above 0, at most 100")


def _seconds(text: str) -> float:
    return _checked(text, parse_duration_seconds, lambda value: 0 <= value < 1e6, "a duration such as '30s'")
