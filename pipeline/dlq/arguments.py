"""The arguments of ``python -m pipeline.dlq``."""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from config.command_line import OneLineParser
from config.durations import parse_duration_seconds

_POSITION = re.compile(r"(?:(\d{1,10}):)?(\d{1,18})")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = OneLineParser(
        prog="scripts/run-pipeline.sh dlq",
        description="List, show, replay or purge dead letters.",
        epilog="Settings come from the environment and .env: KAFKA_BROKERS, KAFKA_TOPIC, KAFKA_DLQ_TOPIC.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="list|show|replay|purge")
    source, filters = _source(), _filters()

    listing = commands.add_parser(
        "list",
        parents=[source, filters],
        help="list pending dead letters, without their content",
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object per line")
    listing.add_argument(
        "--show-keys", action="store_true", help="also print the keys; they are ids of people"
    )

    show = commands.add_parser(
        "show",
        parents=[source],
        help="print one dead letter in full, as JSON; it holds personal data",
    )
    show.add_argument(
        "position",
        type=_position,
        metavar="POSITION",
        help="partition:offset as printed by list; with --file, a line number",
    )

    replay = commands.add_parser(
        "replay",
        parents=[source, filters],
        help="send dead letters back to the topic they came from",
    )
    replay.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    replay.add_argument(
        "--to", type=Path, metavar="FILE", help="with --file: write the messages to this new file"
    )

    purge = commands.add_parser("purge", parents=[source, filters], help="delete dead letters for good")
    purge.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    purge.add_argument(
        "--all", action="store_true", help="purge all pending dead letters; required without a filter"
    )
    return top


def _source() -> OneLineParser:
    source = OneLineParser(add_help=False)
    source.add_argument("--brokers", metavar="HOST:PORT", help="overrides KAFKA_BROKERS")
    source.add_argument("--topic", help="overrides KAFKA_TOPIC; the dead letters are in TOPIC-dlq")
    source.add_argument("--dlq-topic", metavar="TOPIC", help="overrides KAFKA_DLQ_TOPIC")
    source.add_argument(
        "--file", type=Path, metavar="PATH", help="read dead letters from a file, not from the broker"
    )
    return source


def _filters() -> OneLineParser:
    parent = OneLineParser(add_help=False)
    filters = parent.add_argument_group("filters", "a dead letter must match every filter given")
    filters.add_argument(
        "--cause",
        action="append",
        default=[],
        help="the cause, such as not_json or refused; repeat for several",
    )
    filters.add_argument(
        "--since",
        type=_time_ms,
        metavar="TIME",
        help="dead-lettered at or after TIME: 2026-01-31T12:00 (UTC), or 2h for two hours ago",
    )
    filters.add_argument("--until", type=_time_ms, metavar="TIME", help="dead-lettered before TIME")
    filters.add_argument(
        "--partition",
        type=_whole,
        action="append",
        default=[],
        help="the partition of the dead letter; repeat for several",
    )
    filters.add_argument("--person", "--key", metavar="ID", help="the message's key or userId")
    filters.add_argument("--limit", type=_whole, metavar="N", help="only the first N dead letters")
    return parent


def _position(text: str) -> tuple[int | None, int]:
    match = _POSITION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected partition:offset such as 0:17, or a line number, got {text!r}"
        )
    return (None if match[1] is None else int(match[1])), int(match[2])


def _time_ms(text: str) -> int:
    """Return Unix milliseconds for an ISO 8601 time, UTC by default, or for a duration before now."""
    try:
        return round((time.time() - _ago_seconds(text)) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a time such as 2026-01-31T12:00 (UTC), or 2h for two hours ago, got {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _ago_seconds(text: str) -> float:
    if not text[-1:].isalpha():
        raise ValueError  # 20260131 is a date, not milliseconds
    return parse_duration_seconds(text)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)
