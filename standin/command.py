"""The command line of ``python -m standin``."""

from __future__ import annotations

import argparse
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from config.command_line import OneLineParser, argument, end_with_stdin
from standin import faults
from standin.app import StandIn
from standin.control import Control
from standin.credentials import RequiredCredentials
from standin.faults import Faults
from standin.journal import Journal
from standin.server import TrustmeMissing, bind, make_tls, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in until SIGTERM or SIGINT, and end the process with exit code 0.

    A mistake in the options, or a file that cannot be written, ends it with one line on standard error and
    exit code 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        credentials = _credentials(options)
        in_force = Faults(**{name: getattr(options, name) for name in faults.CHECKS})
        listener = bind(options.host, options.port)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"can't listen on {options.host} port {options.port}: {error.strerror}")
    with listener, _journal(options.journal, parser) as journal, ExitStack() as until_exit:
        try:
            context = until_exit.enter_context(_tls(options)) if options.tls else None
        except TrustmeMissing:
            parser.error("--tls needs the package trustme: pip install 'customerio-load[tls]'")
        except OSError as error:
            parser.error(f"--tls-ca-file: can't write {error.filename}: {error.strerror}")
        if options.until_stdin_closes:
            end_with_stdin()
        control = Control(in_force, options.record_arrivals, journal)
        control.close_idle_after(options.idle_close_seconds)
        run(StandIn(control, credentials), control, listener, context)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/stand-in.sh",
        description="Run a local server that answers like Customer.io's Track, App and Pipelines APIs.",
        epilog="While it runs, use GET /_standin/stats, POST /_standin/reset and POST /_standin/faults.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8080, help="port; 0 chooses a free one (default: %(default)s)"
    )
    parser.add_argument("--site-id", help="the only site id to accept, or STANDIN_SITE_ID (default: any)")
    parser.add_argument("--api-key", help="the only API key to accept, or STANDIN_API_KEY (default: any)")
    parser.add_argument("--app-key", help="the only App API key to accept, or STANDIN_APP_KEY (default: any)")
    parser.add_argument(
        "--write-key", help="the only Pipelines write key to accept, or STANDIN_WRITE_KEY (default: any)"
    )
    parser.add_argument("--tls", action="store_true", help="serve https with a throw-away certificate")
    parser.add_argument(
        "--tls-ca-file",
        type=Path,
        metavar="PATH",
        help="write the certificate authority for clients to trust to this file (default: a temporary file)",
    )
    parser.add_argument(
        "--record-arrivals",
        action="store_true",
        help="record the time of each arrival (8 bytes) for GET /_standin/arrivals",
    )
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="PATH",
        help="append a JSON line for each operation to this file, in the order in which they are applied",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input ends, so that it does not outlive the program that started it",
    )
    parser.add_argument(
        "--idle-close-seconds",
        type=_option(float, faults.check_optional_seconds),
        metavar="SECONDS",
        help="close connections that have been idle this long (default: 3600)",
    )
    _add_fault_options(parser.add_argument_group("faults"))
    return parser


def _add_fault_options(group: argparse._ArgumentGroup) -> None:
    none = Faults()
    group.add_argument(
        "--latency",
        type=_option(str, faults.check_latency),
        default=none.latency,
        metavar="20ms|lognormal:20ms,0.5",
        help="time until a response, fixed or log-normal (median, sigma)",
    )
    for name, meaning in (
        ("error", "answered with 500"),
        ("reset", "whose connection is reset"),
        ("hang", "whose response is held back"),
        ("drop", "answered with 200 and not stored"),
    ):
        group.add_argument(
            f"--{name}-share",
            type=_option(float, faults.check_share),
            default=0.0,
            metavar="SHARE",
            help=f"share of requests {meaning}, 0 to 1",
        )
    group.add_argument(
        "--hang-seconds",
        type=_option(float, faults.check_optional_seconds),
        metavar="SECONDS",
        help="how long a response is held back (default: until the client closes the connection)",
    )
    group.add_argument(
        "--rate-limit",
        type=_option(int, faults.check_rate_limit),
        metavar="N",
        help="the most requests in any one second; further ones are answered with 429",
    )
    group.add_argument(
        "--retry-after",
        action=argparse.BooleanOptionalAction,
        default=none.retry_after,
        help="send Retry-After with a 429 (default: no, because Customer.io documents none)",
    )
    group.add_argument(
        "--app-limits",
        action=argparse.BooleanOptionalAction,
        default=none.app_limits,
        help="enforce the published limits of the App API (default: yes)",
    )
    group.add_argument(
        "--seed",
        type=_option(int, faults.check_seed),
        metavar="N",
        help="make faults and latencies repeatable",
    )


def _option(convert: Callable[[str], Any], check: Callable[[object], Any]) -> Callable[[str], Any]:
    """Return the parser of an option, which converts the text and checks it as ``/_standin/faults`` does."""

    def parse(text: str) -> Any:
        try:
            value: object = convert(text)
        except ValueError:
            value = text
        return check(value)

    return argument(parse)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, got {text!r}")
    return int(text)


def _credentials(options: argparse.Namespace) -> RequiredCredentials:
    site_id = options.site_id or os.environ.get("STANDIN_SITE_ID") or None
    api_key = options.api_key or os.environ.get("STANDIN_API_KEY") or None
    if (site_id is None) != (api_key is None):
        raise ValueError("--site-id and --api-key: expected both or none")
    app_key = options.app_key or os.environ.get("STANDIN_APP_KEY") or None
    write_key = options.write_key or os.environ.get("STANDIN_WRITE_KEY") or None
    return RequiredCredentials(site_id, api_key, app_key, write_key)


@contextmanager
def _journal(path: Path | None, parser: argparse.ArgumentParser) -> Iterator[Journal | None]:
    """Open the journal, or yield ``None`` without a path. If the file can't be written, end the command."""
    if path is None:
        yield None
        return
    try:
        journal = Journal(path)
    except OSError as error:
        parser.error(f"--journal: can't write {path}: {error.strerror}")
    with journal:
        try:
            yield journal
        finally:
            if journal.failure is not None:
                parser.error(f"--journal: can't write {path}: {journal.failure.strerror}")


@contextmanager
def _tls(options: argparse.Namespace) -> Iterator[ssl.SSLContext]:
    """Make the TLS context and write its authority to a file; a temporary file goes when the server stops."""
    tls = make_tls(options.host)
    with tempfile.TemporaryDirectory(prefix="standin-") as folder:
        path = options.tls_ca_file or Path(folder, "ca.pem")
        path.write_bytes(tls.authority_pem)
        print(f"certificate authority to trust: {path}", flush=True)  # noqa: T201 - the command's output
        yield tls.context
