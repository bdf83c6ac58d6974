"""The command line of ``python -m pipeline.dlq``."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import sys
from collections.abc import Sequence

from config.command_line import USAGE_ERROR, print_error
from config.errors import ConfigError
from pipeline.dlq.arguments import parser
from pipeline.dlq.dead_letter_topic import GROUP, broker_errors
from pipeline.dlq.errors import BrokerError
from pipeline.dlq.on_file import on_file
from pipeline.dlq.on_topic import on_topic
from pipeline.dlq.pending import Selection
from pipeline.settings import KafkaSettings, load_kafka_settings, pipeline_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code. 0: the command was done, also if no dead letter matches. 1: the broker can't be used,
        or the dead letter does not exist. 2: an argument or a setting is wrong. For 1 and 2 one line on
        standard error says why.
    """
    top = parser()
    options = top.parse_args(arguments)
    # The client logs lost connections at length. This command prints one line instead.
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
        # The program that reads our output, such as head, has closed the pipe.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print_error("interrupted; no dead letter is lost, some may exist twice")
        return 130


def _check(options: argparse.Namespace) -> None:
    """Check arguments that depend on each other.

    Raises:
        ConfigError: a combination is not allowed.
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
        # KAFKA_DLQ_TOPIC belongs to the topic of the settings, not to this one.
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
