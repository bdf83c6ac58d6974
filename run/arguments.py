"""The arguments of a run, from the command line, the environment or the web UI's form."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from config.durations import parse_duration_seconds
from config.errors import ConfigError
from config.profile_names import DEFAULT_PROFILE
from config.shown import shown
from users.http.factory import HttpClient

DEFAULT_RESULTS_DIR = "results"

_OLDEST_EVENT_SECONDS = 366 * 86_400.0


@dataclass(frozen=True)
class Arguments:
    """The arguments of a run; ``time_scale`` multiplies durations and keeps rates.

    ``confirm_live`` is the id of the live environment that the user has named.
    """

    profile: str
    time_scale: float
    results_dir: Path
    allow_live: bool
    people_seed: int
    http_client: HttpClient = HttpClient.FAST
    outputs: tuple[str, ...] = ()
    outputs_optional: bool = False
    queue_metrics: tuple[str, ...] = ()
    summary_export: Path | None = None
    resend_post: bool = False
    traceparent: bool = False
    people_budget: int | None = None
    event_age_seconds: float = 0.0
    confirm_live: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for the record of a run."""
        return {
            **asdict(self),
            "results_dir": str(self.results_dir),
            "http_client": self.http_client.value,
            "outputs": list(self.outputs),
            "queue_metrics": list(self.queue_metrics),
            "summary_export": str(self.summary_export) if self.summary_export else None,
        }


def read_arguments(options: argparse.Namespace) -> Arguments:
    """Return the load test's part of the options that Locust has parsed from the command line.

    Raises:
        ConfigError: two options do not go together.
    """
    http_client = HttpClient(options.http_client)
    if options.resend_post and http_client is not HttpClient.FAST:
        raise ConfigError(f"--resend-post: expected --http-client fast; {http_client} sends nothing twice")
    return Arguments(
        profile=_text(options.profile) or DEFAULT_PROFILE,
        time_scale=options.time_scale,
        results_dir=Path(options.results_dir),
        allow_live=options.allow_live,
        people_seed=options.people_seed,
        http_client=http_client,
        outputs=_split_values(options.out),
        outputs_optional=options.out_optional,
        queue_metrics=_split_values(options.queue_metrics),
        summary_export=Path(options.summary_export) if options.summary_export else None,
        resend_post=options.resend_post,
        traceparent=options.traceparent,
        people_budget=options.people_budget,
        event_age_seconds=options.event_age,
        confirm_live=_text(options.confirm_live) or None,
    )


def arguments_of_next_run(
    first: Arguments, options: argparse.Namespace, form: Mapping[str, str] | None
) -> Arguments:
    """Return the arguments of the command line, but for the four that the web UI may change.

    Args:
        first: the arguments of the command line.
        options: Locust's options, in which its web UI sets whatever a form names.
        form: the web UI's form, if a run is to start from it. It counts before the options. A live run has
            to be confirmed in each form, or on the command line.

    Raises:
        ConfigError: a value is wrong.
    """
    confirmed = options.confirm_live if form is None else form.get("confirm_live")
    form = form or {}
    try:
        time_scale = parse_time_scale(str(form.get("time_scale", options.time_scale)))
        people_seed = parse_people_seed(str(form.get("people_seed", options.people_seed)))
    except argparse.ArgumentTypeError as error:
        raise ConfigError(str(error)) from error
    return replace(
        first,
        profile=_text(form.get("profile", options.profile)) or first.profile,
        time_scale=time_scale,
        people_seed=people_seed,
        confirm_live=_text(confirmed) or first.confirm_live,
    )


def _text(given: str | None) -> str:
    return (given or "").strip()


def _split_values(given: Sequence[str]) -> tuple[str, ...]:
    """Return the values of a repeated argument, or of a variable with commas between them."""
    return tuple(value.strip() for text in given for value in text.split(",") if value.strip())


def parse_time_scale(text: str) -> float:
    """Return a finite factor above zero; ``argparse.ArgumentTypeError`` for anything else."""
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise argparse.ArgumentTypeError(f"time scale: expected a number above zero, got {shown(text)}")
    return factor


def parse_people_seed(text: str) -> int:
    """Return a whole number; ``argparse.ArgumentTypeError`` for anything else."""
    try:
        seed = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"people seed: expected a whole number, got {shown(text)}"
        ) from error
    if not -(2**63) <= seed < 2**63:
        raise argparse.ArgumentTypeError("people seed: expected a whole number of at most 64 bits")
    return seed


def parse_people_budget(text: str) -> int:
    """Return a whole number from 1 on; ``argparse.ArgumentTypeError`` for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise argparse.ArgumentTypeError(
            f"people budget: expected a whole number of at least 1, got {shown(text)}"
        )
    return int(text)


def parse_event_age_seconds(text: str) -> float:
    """Return the seconds of a duration; ``argparse.ArgumentTypeError`` for anything else."""
    try:
        seconds = parse_duration_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"event age: {error}") from None
    if not seconds <= _OLDEST_EVENT_SECONDS:
        raise argparse.ArgumentTypeError(f"event age: expected at most 366 days, got {shown(text)}")
    return seconds
