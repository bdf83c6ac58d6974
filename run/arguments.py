"""The arguments of a run, from the command line, the environment or the web UI's form."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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


def read_arguments(
    options: argparse.Namespace,
    form: Mapping[str, str] | None = None,
    first: Arguments | None = None,
) -> Arguments:
    """Return the load test's part of the parsed options, with the values of the web UI's form over them.

    Args:
        options: Locust's parsed options, which the web UI changes too.
        form: the web UI's form, if a run is to start from it. A live run has to be confirmed in each.
        first: the arguments of the command line. They replace an empty profile, and everything that the web
            UI may not change.

    Raises:
        ConfigError: a value of the form is wrong, or two options do not go together.
    """
    confirm_live = options.confirm_live if form is None else form.get("confirm_live")
    form = form or {}
    try:
        scale = parse_time_scale(str(form.get("time_scale", options.time_scale)))
        seed = parse_people_seed(str(form.get("people_seed", options.people_seed)))
    except argparse.ArgumentTypeError as error:
        raise ConfigError(str(error)) from error
    http_client = first.http_client if first else HttpClient(options.http_client)
    resend_post = first.resend_post if first else options.resend_post
    if resend_post and http_client is not HttpClient.FAST:
        raise ConfigError(f"--resend-post: expected --http-client fast; {http_client} sends nothing twice")
    return Arguments(
        profile=(form.get("profile", options.profile) or "").strip()
        or (first.profile if first else DEFAULT_PROFILE),
        time_scale=scale,
        results_dir=first.results_dir if first else Path(options.results_dir),
        allow_live=first.allow_live if first else options.allow_live,
        people_seed=seed,
        http_client=http_client,
        outputs=first.outputs if first else _split_values(options.out),
        outputs_optional=first.outputs_optional if first else options.out_optional,
        queue_metrics=first.queue_metrics if first else _split_values(options.queue_metrics),
        summary_export=first.summary_export if first else _path(options.summary_export),
        resend_post=resend_post,
        traceparent=first.traceparent if first else options.traceparent,
        people_budget=first.people_budget if first else options.people_budget,
        event_age_seconds=first.event_age_seconds if first else options.event_age,
        confirm_live=_confirmed(confirm_live, first),
    )


def _confirmed(given: str | None, first: Arguments | None) -> str | None:
    """Return the id that was given now, or else on the command line."""
    return (given or "").strip() or (first.confirm_live if first else None)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


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
