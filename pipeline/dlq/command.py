"""The command line of ``python -m pipeline.dlq``."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import sys
from collections.abc import Sequence

from config.command_line import USAGE_ERROR
from config.errors import ConfigError
from pipeline.dlq.arguments import parser
from pipeline.dlq.dead_letter_topic import GROUP, broker_errors
from pipeline.dlq.errors import BrokerError
from pipeline.dlq.on_file import on_file
from pipeline.dlq.on_topic import on_topic
from pipeline.dlq.output import print_error
from pipeline.dlq.pending import Selection
from pipeline.settings import KafkaSettings, load_kafka_settings, pipeline_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 if it was done, also when no letter matches; 1 if the broker can't be used or there is no such
        letter; 2 after one line on standard error if an argument or a setting is wrong.
    """
    top = parser()
    options = top.parse_args(arguments)
    # What the client tells about lost connections is said here in one line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    try:
        _check(options)
        if options.file is not None:
            return on_file(options, _selection(options))
        settings = _settings(options)
        with broker_errors(settings.brokers):
            return asyncio.run(on_topic(options, _selection(options), settings))
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    except BrokerError as error:
        print_error(str(error))
        return 1
    except BrokenPipeError:
        # The reader, such as head, has seen enough.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print_error("interrupted; no letter is lost, some may be there twice")
        return 130


def _check(options: argparse.Namespace) -> None:
    """Refuses arguments that don't go together.

    Raises:
        ConfigError: it names them.
    """
    if options.command == "purge":
        if options.file is not None:
            raise ConfigError("purge: expected no --file; delete the file instead")
        if not options.all and _selection(options) == Selection():
            raise ConfigError("purge: expected a filter, or --all to throw away every pending letter")
    if options.command == "show":
        if (options.position[0] is None) != (options.file is not None):
            raise ConfigError("show: expected partition:offset for a topic, or --file and a line's number")
    elif options.limit == 0:
        raise ConfigError("--limit: expected at least 1, got 0")
    if options.command == "replay":
        complete = options.to is not None or options.dry_run
        if (options.file is None and options.to is not None) or (options.file is not None and not complete):
            raise ConfigError("replay: expected --file and --to together")


def _settings(options: argparse.Namespace) -> KafkaSettings:
    variables = pipeline_environment()
    if options.topic is not None:
        # That of another topic.
        variables.pop("KAFKA_DLQ_TOPIC", None)
    given = {
        "KAFKA_BROKERS": options.brokers,
        "KAFKA_TOPIC": options.topic,
        "KAFKA_DLQ_TOPIC": options.dlq_topic,
    }
    variables |= {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(load_kafka_settings(variables), client_id=GROUP)


def _selection(options: argparse.Namespace) -> Selection:
    if options.command == "show":
        return Selection()
    return Selection(
        causes=frozenset(options.cause),
        since_ms=options.since,
        until_ms=options.until,
        partitions=frozenset(options.partition),
        person=options.person,
    )
