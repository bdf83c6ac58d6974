"""The command line of ``python -m receiver``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from config.command_line import OneLineParser, argument, end_with_stdin
from config.durations import parse_duration_seconds
from receiver.app import Receiver
from receiver.event_log import EventLog, read_events
from receiver.seen import Seen
from receiver.signature import Signature
from receiver.work import MetricCounts, Work

_KEY = "RECEIVER_SIGNING_KEY"
_REMEMBERED_IDS = 1_000_000
_BACKLOG = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """Receive until SIGTERM or SIGINT; what is in progress is kept and answered first.

    A mistake in the options, or a file that cannot be opened, ends it with one line and exit code 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    key = os.environ.get(_KEY, "")
    if not key:
        parser.error(f"{_KEY}: expected the webhook's signing key in the environment")
    seen = Seen(_REMEMBERED_IDS)
    try:
        log = EventLog(options.log, sync=options.sync)
        for _, event in read_events(options.log):
            seen.add(str(event.get("event_id")))
    except OSError as error:
        parser.error(f"--log: can't open {options.log}: {error.strerror}")
    try:
        listener = _bind(options.host, options.port)
    except (OSError, OverflowError) as error:
        parser.error(f"can't listen on {options.host} port {options.port}: {error}")
    receiver = Receiver(Signature(key, options.max_age), log, seen)
    # uvicorn handles these signals itself, and raises them again once it has stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    if options.until_stdin_closes:
        end_with_stdin()
    with contextlib.closing(log), listener:
        asyncio.run(_serve(receiver, log, listener, options.log))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m receiver",
        description="Receive Customer.io's reporting webhooks: check, write to a file, answer, then process.",
        epilog=f"The signing key comes from the environment variable {_KEY}.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8090, help="port; 0 chooses a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--log", type=Path, required=True, metavar="PATH", help="append the events to this file"
    )
    parser.add_argument(
        "--max-age",
        type=argument(parse_duration_seconds),
        default=300.0,
        metavar="5m",
        help="refuse a webhook whose timestamp is older, or as far in the future (default: 5m)",
    )
    parser.add_argument(
        "--sync",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="flush the event to the disk before answering (default: yes)",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input ends, so that it does not outlive the program that started it",
    )
    return parser


async def _serve(receiver: Receiver, log: EventLog, listener: socket.socket, path: Path) -> None:
    counts = MetricCounts()
    work = Work(path, counts.handle)
    receiver.health = lambda: {
        "log_bytes": log.size,
        "worked_bytes": work.position,
        "counts": dict(counts.counts),
        "failure": work.failure,
    }
    config = uvicorn.Config(
        receiver,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
    )
    following = asyncio.create_task(work.follow(lambda: log.size))
    try:
        await _Server(config).serve(sockets=[listener])
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None  # noqa: S101 - serve gets one
        host, port = sockets[0].getsockname()[:2]
        print(f"receiver listening on http://{host}:{port}", flush=True)  # noqa: T201 - the command's output


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
