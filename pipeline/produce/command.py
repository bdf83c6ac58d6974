"""The command line of ``python -m pipeline.produce``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiokafka.errors import KafkaConnectionError, KafkaError

from config.command_line import USAGE_ERROR, OneLineParser, print_error
from config.errors import ConfigError
from pipeline.delivery.mapping import load_mapping
from pipeline.delivery.message import parser
from pipeline.kafka import connection_options
from pipeline.new_file import new_file
from pipeline.produce.file_target import FileTarget
from pipeline.produce.producer import Producer
from pipeline.produce.progress import show_progress
from pipeline.produce.pump import Sent, pump
from pipeline.produce.relay import relay
from pipeline.produce.sources import Lines, Source, Synthetic
from pipeline.produce.topic_creation import ensure_topic
from pipeline.settings import KafkaSettings, load_kafka_settings, pipeline_environment

_STANDARD_INPUT = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the topic, or the file of ``--to``.

    Returns:
        The exit code. 0: every message was sent. 1: the broker can't be used. 2: an argument, a setting or a
        line of the source is wrong. For 1 and 2 one line on standard error says why.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    # The client logs lost connections at length. This command prints one line instead.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    if options.to is not None:
        return _write(options)
    sent = Sent()
    try:
        settings = _settings(options)
        if options.relay:
            asyncio.run(_relay(options, settings))
            return 0
        with _open_source(options) as source:
            asyncio.run(_produce(options, settings, source, sent))
            _print_summary(f"sent to {settings.topic}", source, sent)
        return 0
    except ConfigError as error:
        return _fail(f"{error}{_so_far(sent)}", USAGE_ERROR)
    except KafkaConnectionError:
        return _fail(f"the broker at {settings.brokers} can't be reached{_so_far(sent)}", 1)
    except (KafkaError, TimeoutError) as error:
        hint = "" if options.no_idempotence else "; if it lacks idempotent writes, use --no-idempotence"
        reason = str(error) or type(error).__name__
        return _fail(f"the broker at {settings.brokers}: {reason}{hint if not sent.total else ''}", 1)
    except KeyboardInterrupt:
        return _fail(f"interrupted{_so_far(sent)}", 130)


def _write(options: argparse.Namespace) -> int:
    """Write the messages to a file, and return the exit code. After a mistake there is no file."""
    sent = Sent()
    try:
        if options.brokers or options.topic or options.partitions:
            raise ConfigError("--to: expected no --brokers, --topic or --partitions; nothing goes to Kafka")
        with _open_source(options) as source:
            with new_file(options.to, "--to") as file, show_progress(source, sent) as show:
                asyncio.run(pump(source, FileTarget(file), options.rate, sent, show))
            _print_summary(f"written to {options.to}", source, sent)
        return 0
    except ConfigError as error:
        return _fail(f"{error}; no file was written", USAGE_ERROR)
    except KeyboardInterrupt:
        return _fail("interrupted; no file was written", 130)


async def _produce(options: argparse.Namespace, settings: KafkaSettings, source: Source, sent: Sent) -> None:
    connection = connection_options(settings)
    await ensure_topic(settings, options.partitions)
    producer = Producer(
        settings.brokers, settings.topic, idempotent=not options.no_idempotence, connection=connection
    )
    async with producer:
        with show_progress(source, sent) as show:
            await pump(source, producer, options.rate, sent, show)


async def _relay(options: argparse.Namespace, settings: KafkaSettings) -> None:
    connection = connection_options(settings)
    parse = parser(load_mapping(pipeline_environment().get("MESSAGE_MAPPING")))
    await ensure_topic(settings, options.partitions)
    async with Producer(
        settings.brokers, settings.topic, idempotent=not options.no_idempotence, connection=connection
    ) as producer:
        await relay(producer, parse)


@contextmanager
def _open_source(options: argparse.Namespace) -> Iterator[Source]:
    if options.source is None:
        yield Synthetic(options.count, options.people)
        return
    parse = parser(load_mapping(pipeline_environment().get("MESSAGE_MAPPING")))
    if options.source == _STANDARD_INPUT:
        if sys.stdin is None:
            raise ConfigError("--from -: standard input is closed")
        yield Lines("standard input", sys.stdin.fileno(), skip_bad=options.skip_bad, parse=parse)
    else:
        try:
            descriptor = os.open(options.source, os.O_RDONLY)
        except OSError as error:
            raise ConfigError(f"--from: {options.source}: can't be read: {error.strerror}") from error
        try:
            yield Lines(options.source, descriptor, skip_bad=options.skip_bad, parse=parse)
        finally:
            os.close(descriptor)


def _settings(options: argparse.Namespace) -> KafkaSettings:
    given = {"KAFKA_BROKERS": options.brokers, "KAFKA_TOPIC": options.topic}
    variables = pipeline_environment() | {"KAFKA_CLIENT_ID": "customerio-producer"}
    return load_kafka_settings(
        variables | {name: value for name, value in given.items() if value is not None}
    )


def _print_summary(done: str, source: Source, sent: Sent) -> None:
    types = ", ".join(f"{number} {kind}" for kind, number in sorted(sent.by_type.items())) or "nothing"
    skipped = f"; {source.skipped} bad lines skipped" if source.skipped else ""
    print(  # noqa: T201 - the command's output
        f"{done}: {types} in {sent.seconds:.1f} s, {sent.per_second:.0f}/s{skipped}"
    )


def _so_far(sent: Sent) -> str:
    return f"; sent before: {sent.total}"


def _fail(line: str, code: int) -> int:
    print_error(line)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/run-pipeline.sh produce",
        description="Write messages, from a file or invented, to the topic that the workers read, or a file.",
        epilog="Settings come from the environment and .env: KAFKA_BROKERS, KAFKA_TOPIC.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help='send a file of messages, one {"type", "userId", "payload"} per line; - reads standard input',
    )
    what.add_argument(
        "--relay",
        action="store_true",
        help="send each line of standard input as it comes; for each, write a line to standard output: its "
        "number, from 0, once the broker has it, or its number and why the broker has not",
    )
    what.add_argument("--count", type=_whole, metavar="N", help="send N invented messages")
    parser.add_argument(
        "--people",
        type=_whole,
        default=1000,
        metavar="M",
        help="invent messages of M people in turn (default: %(default)s)",
    )
    parser.add_argument("--rate", type=_rate, metavar="R", help="messages per second (default: no limit)")
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="skip and count invalid lines instead of stopping at the first",
    )
    parser.add_argument(
        "--partitions", type=_whole, metavar="N", help="create the topic with N partitions if it is missing"
    )
    parser.add_argument(
        "--no-idempotence", action="store_true", help="for a broker without idempotent writes"
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="NEW",
        help="write the messages to this new file, for worker --from NEW, and leave Kafka out",
    )
    parser.add_argument("--brokers", metavar="HOST:PORT", help="overrides KAFKA_BROKERS")
    parser.add_argument("--topic", help="overrides KAFKA_TOPIC")
    return parser


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e9:
        raise argparse.ArgumentTypeError(f"expected messages per second, more than 0, got {text!r}")
    return rate
