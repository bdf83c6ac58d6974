"""The command line of ``python -m pipeline.worker``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from config.command_line import USAGE_ERROR, OneLineParser, end_with_stdin, print_error
from config.errors import ConfigError
from pipeline.backfill.options import STANDARD_INPUT, BackfillOptions
from pipeline.backfill.run import run_backfill
from pipeline.monitoring.logs import configure_logs
from pipeline.monitoring.redaction import known_secrets
from pipeline.settings import PipelineSettings, load_pipeline_settings, pipeline_environment
from pipeline.worker.run import run_worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Deliver until the source ends or a signal stops the worker.

    Returns:
        The exit code. 0: the worker was stopped in order, or every line of the file was delivered. 1: the
        file has dead letters, the backfill was interrupted, or the broker refused. 2: a setting or the
        credentials are wrong; one line on standard error says which.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.until_stdin_closes:
            if options.source == STANDARD_INPUT:
                raise ConfigError("--until-stdin-closes: expected a file or a topic to read, not --from -")
            end_with_stdin()
        if options.standin and options.source is None:
            # With a topic, a trial would take messages away from the workers that deliver them.
            raise ConfigError("--standin: expected together with --from")
        with ExitStack() as until_end:
            variables = pipeline_environment()
            if options.standin:
                variables = _to_standin(variables, until_end)
            return _deliver(load_pipeline_settings(variables), options)
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR


def _deliver(settings: PipelineSettings, options: argparse.Namespace) -> int:
    _configure_logs(settings)
    if options.source is None:
        if options.position or options.dead_letters or options.follow:
            raise ConfigError("--position, --dead-letters, --follow: expected together with --from")
        return asyncio.run(run_worker(settings))
    backfill_options = BackfillOptions(
        options.source, options.position, options.dead_letters, options.standin, options.follow
    )
    return asyncio.run(run_backfill(settings, backfill_options))


def _to_standin(variables: dict[str, str], until_end: ExitStack) -> dict[str, str]:
    """Start a stand-in; return the variables with the stand-in as the target."""
    try:
        # Imported here, as the image of the worker does not contain the stand-in.
        from standin.own_process import LocalStandin
    except ImportError:
        raise ConfigError("--standin: this installation has no stand-in") from None
    standin = LocalStandin()
    until_end.callback(standin.stop)
    print(f"Delivering to a stand-in at {standin.url}; nothing reaches Customer.io", file=sys.stderr)  # noqa: T201
    others = {name: value for name, value in variables.items() if not name.startswith("CUSTOMERIO_")}
    return {**others, "CUSTOMERIO_BASE_URL": standin.url}


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/run-pipeline.sh worker",
        description="Deliver identify and track messages from a Kafka topic or a file to Customer.io.",
        epilog="Settings come from the environment and .env. See .env.example and docs/pipeline.md.",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="deliver the messages of a file, one per line, and exit; - reads standard input",
    )
    parser.add_argument(
        "--standin",
        action="store_true",
        help="with --from: start a stand-in for Customer.io and deliver to it",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="with --from FILE: at its end wait for further lines, as tail -f does, until a signal",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input ends, so that it does not outlive the program that started it",
    )
    parser.add_argument(
        "--position",
        type=Path,
        metavar="FILE",
        help="file that keeps the position reached (default: FILE.position; none for standard input)",
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        metavar="FILE",
        help="file for messages that cannot be delivered (default: FILE.dead.jsonl or stdin.dead.jsonl)",
    )
    return parser


def _configure_logs(settings: PipelineSettings) -> None:
    secrets = known_secrets(
        settings.target.credentials, settings.limit.redis_url, settings.kafka.security.password
    )
    json = {"auto": None, "json": True, "text": False}[settings.operations.log_format]
    configure_logs(settings.operations.log_level, json, secrets)
