"""The command line of ``python -m pipeline.worker``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from config.command_line import USAGE_ERROR, OneLineParser
from config.errors import ConfigError
from pipeline.backfill.options import BackfillOptions
from pipeline.backfill.run import run_backfill
from pipeline.monitoring.logs import configure_logs
from pipeline.monitoring.redaction import known_secrets
from pipeline.settings import PipelineSettings, load_pipeline_settings, pipeline_environment
from pipeline.worker.run import run_worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Delivers until the source ends or the worker is told to stop.

    Returns:
        0 if the worker was stopped in order, or everything of a file was delivered; 1 if something is
        left over (dead letters of a file, an interrupted backfill, a broker that refuses); 2 after one
        line on standard error if settings or credentials are wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.standin and options.source is None:
            # A trial would take the topic's messages away from those who deliver them.
            raise ConfigError("--standin: expected together with --from")
        with ExitStack() as until_end:
            variables = pipeline_environment()
            if options.standin:
                variables = _to_standin(variables, until_end)
            return _deliver(load_pipeline_settings(variables), options)
    except ConfigError as error:
        print(f"pipeline.worker: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return USAGE_ERROR


def _deliver(settings: PipelineSettings, options: argparse.Namespace) -> int:
    _configure_logs(settings)
    if options.source is None:
        if options.position or options.dead_letters:
            raise ConfigError("--position, --dead-letters: expected together with --from")
        return asyncio.run(run_worker(settings))
    backfill_options = BackfillOptions(
        options.source, options.position, options.dead_letters, options.standin
    )
    return asyncio.run(run_backfill(settings, backfill_options))


def _to_standin(variables: dict[str, str], until_end: ExitStack) -> dict[str, str]:
    """The variables with a stand-in of this command's own as the target."""
    try:
        # Here and not above: an image of the worker alone has none.
        from standin.own_process import LocalStandin
    except ImportError:
        raise ConfigError("--standin: there is no stand-in in this installation") from None
    standin = LocalStandin()
    until_end.callback(standin.stop)
    print(f"Delivering to a stand-in at {standin.url}; nothing reaches Customer.io", file=sys.stderr)  # noqa: T201
    others = {name: value for name, value in variables.items() if not name.startswith("CUSTOMERIO_")}
    return {**others, "CUSTOMERIO_BASE_URL": standin.url}


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="pipeline.worker",
        description="Delivers identify and track messages to Customer.io, from a Kafka topic or a file.",
        epilog="Settings come from the environment and .env, as .env.example names them; docs/pipeline.md.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="deliver a file's lines, one message each, and end; - for standard input",
    )
    parser.add_argument(
        "--standin", action="store_true", help="with --from: deliver to a stand-in that is started for it"
    )
    parser.add_argument(
        "--position",
        type=Path,
        metavar="FILE",
        help="where to keep how far it has come (default: FILE.position; none for standard input)",
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        metavar="FILE",
        help="where to put what can't be delivered (default: FILE.dead.jsonl; stdin.dead.jsonl)",
    )
    return parser


def _configure_logs(settings: PipelineSettings) -> None:
    secrets = known_secrets(
        settings.target.credentials, settings.limit.redis_url, settings.kafka.security.password
    )
    json = {"auto": None, "json": True, "text": False}[settings.operations.log_format]
    configure_logs(settings.operations.log_level, json, secrets)
