"""The command line of ``python -m pipeline.plan``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from config.command_line import PASSED, THRESHOLDS_FAILED, USAGE_ERROR, OneLineParser, argument, print_error
from config.customerio.limits import limit
from config.errors import ConfigError
from pipeline.plan import amounts, calibration, load_profile, overlay
from pipeline.plan.arithmetic import Plan, choose_tier, make_plan
from pipeline.plan.demand import SECONDS_PER_DAY, Demand, WorkerRate
from pipeline.plan.existing import peak_of_profile
from pipeline.plan.numbers import rate_text
from pipeline.plan.views import to_json, to_text

_PEAK_FACTOR = 5.0
_CALIBRATION_FILE = Path("pipeline-calibration.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what a volume of events needs.

    Returns:
        The exit code. 0: the plan works. 99: it cannot work; the plan says what would. 2: an argument is
        wrong, or a file; one line on standard error says which.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.events_per_day is None and options.existing is None:
            if not options.calibrate:
                raise ConfigError(
                    "expected --events-per-day, such as --events-per-day 8M, or --existing PROFILE"
                )
            _print(_describe(_rate(options)))
            return PASSED
        demand = _demand(options)
        has_workers = choose_tier(demand).name != "single-service"
        plan = make_plan(demand, _rate(options) if has_workers or options.calibrate else None)
        written = _write(plan, options.write) if options.write is not None and plan.is_feasible else []
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    if options.format == "json":
        _print(json.dumps(to_json(plan), indent=2, ensure_ascii=False))
    else:
        _print(to_text(plan))
    for path in written:
        _note(f"wrote {path}")
    if options.write is not None and not plan.is_feasible:
        _note("nothing was written: the plan cannot work")
    return PASSED if plan.is_feasible else THRESHOLDS_FAILED


def _demand(options: argparse.Namespace) -> Demand:
    per_day, peak = options.events_per_day, None
    factor = options.peak_factor
    if options.existing is not None:
        if per_day is not None and factor is not None:
            raise ConfigError("--peak-factor: the peak is that of --existing; expected one of the two")
        peak = peak_of_profile(options.existing)
        if peak <= 0:
            raise ConfigError(f"--existing: {options.existing}: expected a profile with a rate above 0")
        if per_day is None:
            per_day = peak / (factor or _PEAK_FACTOR) * SECONDS_PER_DAY
    mean = per_day / SECONDS_PER_DAY
    if peak is None:
        peak = mean * (factor or _PEAK_FACTOR)
    if peak < mean:
        raise ConfigError(
            f"--existing: its peak of {rate_text(peak)} events/s is below the day's mean of "
            f"{rate_text(mean)}; "
            "expected a profile of the busiest minutes"
        )
    return Demand(
        events_per_day=per_day,
        peak_events_per_second=peak,
        payload_bytes=options.payload,
        limit_requests_per_second=options.limit,
        outage_seconds=options.outage,
        request_seconds=options.request_duration,
        people=options.people,
    )


def _rate(options: argparse.Namespace) -> WorkerRate:
    """Return the rate that is kept for this machine, or measure and keep it."""
    path: Path = options.calibration
    if not options.calibrate:
        kept = calibration.read(path, options.payload)
        if kept is not None:
            return kept
        _note(
            f"no calibration of this machine for {options.payload} bytes in {path}: measuring one worker "
            "(10 s)"
        )
    rate = calibration.measure(options.payload)
    calibration.keep(path, rate)
    _note(f"kept in {path}")
    return rate


def _describe(rate: WorkerRate) -> str:
    return (
        f"{rate.events_per_cpu_second:.0f} events of {rate.payload_bytes} bytes for each second of a "
        "worker's CPU "
        f"({rate.machine}, {rate.measured})"
    )


def _write(plan: Plan, folder: Path) -> list[Path]:
    """Write the overlay, if the plan has workers, and the load profile; return their paths."""
    files = {load_profile.FILE_NAME: load_profile.load_profile_text(plan)}
    if plan.queue_tier is not None:
        files[overlay.FILE_NAME] = overlay.overlay_text(plan, plan.queue_tier, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--write: {folder}: cannot be written: {error.strerror}") from error
    return [folder / name for name in files]


def _print(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201 - the command's output
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` does. Closing the stream would raise the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - what is not the plan itself


def _parser() -> argparse.ArgumentParser:
    most_bytes = limit("v2_entity_bytes")
    parser = OneLineParser(
        prog="scripts/run-pipeline.sh plan",
        description="Say what a volume of events needs: architecture, requests, workers, partitions, queue.",
        epilog="docs/scaling.md explains the figures. Exit code 99: the plan cannot work.",
    )
    parser.add_argument(
        "--events-per-day",
        type=argument(amounts.events_per_day),
        metavar="N",
        help="the mean of a day, such as 8M or 250000",
    )
    parser.add_argument(
        "--peak-factor",
        type=argument(amounts.peak_factor),
        metavar="X",
        help=f"the busiest minutes' rate, as a multiple of the day's mean (default: {_PEAK_FACTOR:g})",
    )
    parser.add_argument(
        "--existing", metavar="PROFILE", help="take the peak of a load profile, by its name or path"
    )
    parser.add_argument(
        "--payload",
        type=argument(lambda text: amounts.payload_bytes(text, most_bytes)),
        default=900,
        metavar="SIZE",
        help="the JSON of one event as Customer.io receives it (default: 900B)",
    )
    lower, higher = limit("track_requests_per_second_older"), limit("track_requests_per_second")
    parser.add_argument(
        "--limit",
        type=argument(amounts.requests_per_second),
        default=lower,
        metavar="N/s",
        help=f"the workspace's limit; published: {lower}/s (default), {higher}/s",
    )
    parser.add_argument(
        "--outage",
        type=argument(amounts.outage_seconds),
        default=1800.0,
        metavar="DURATION",
        help="how long Customer.io may be unreachable (default: 30m)",
    )
    parser.add_argument(
        "--request-duration",
        type=argument(amounts.request_seconds),
        default=0.25,
        metavar="DURATION",
        help="how long Customer.io takes for a request; an assumption (default: 250ms)",
    )
    parser.add_argument(
        "--people",
        type=argument(amounts.people),
        metavar="N",
        help="how many people the workspace has, to estimate its price",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to print the plan (default: text)"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="write a kustomize overlay that runs the plan, and a load profile that tests it",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="measure again what a worker delivers on this machine (10 s)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        default=_CALIBRATION_FILE,
        metavar="FILE",
        help="where the measured rate is kept (default: %(default)s)",
    )
    return parser
