"""Which HTTP server carries the stand-in best: identify requests per second, side by side.

Each server runs alone on one core, in one process; wrk keeps 50 connections busy from another core.
Two applications are measured: ``bare`` reads the body and answers ``{}``, which is the server's own
cost, and ``stand-in`` is the whole thing, with credentials, validation, store and counts.

    python benchmarks/standin_server.py [--seconds 3] [--rounds 3]

Needs wrk and taskset; granian and aiohttp are measured if they are installed. The rounds go through
all servers in turn, so that a slow moment of the machine meets them all; the median counts. Compare
the ratios: the numbers themselves are those of one machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

CONNECTIONS = 50
START_SECONDS = 15.0
NEEDED_PER_SECOND = 5000

REQUESTS = """
wrk.method = "PUT"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Basic c2l0ZTprZXk="
wrk.body = '{"email":"ada@example.com","first_name":"Ada","last_name":"Lovelace","plan":"premium",'
  .. '"created_at":1760000000,"_load_test":true,"run_id":"benchmark","city":"London"}'
"""


@dataclass
class Candidate:
    """A server with one of the two applications, and what was measured."""

    server: str
    application: str
    command: list[str]
    needs: str
    per_second: list[float] = field(default_factory=list)
    p99: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.per_second)


def main() -> int:
    options = _options()
    if missing := [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]:
        return _give_up(f"needs {' and '.join(missing)}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return _give_up("needs two cores, one for the server and one for wrk")

    candidates = []
    for candidate in _candidates():
        if importlib.util.find_spec(candidate.needs):
            candidates.append(candidate)
        else:
            _say(
                f"left out: {candidate.server}, {candidate.application} ({candidate.needs} is not installed)"
            )

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "identify.lua")
        script.write_text(REQUESTS)
        for number in range(options.rounds):
            for candidate in candidates:
                _measure(candidate, script, options.seconds, cores[0], cores[1])
            _say(f"round {number + 1} of {options.rounds} done")
    _report(candidates)
    return 0


# -- the candidates -------------------------------------------------------------------------------


def _candidates() -> list[Candidate]:
    python = sys.executable
    uvicorn = [
        python,
        "-m",
        "uvicorn",
        "--factory",
        "--no-access-log",
        "--log-level",
        "error",
        "--ws",
        "none",
    ]
    uvicorn += ["--lifespan", "off", "--app-dir", str(ROOT), "--port", "PORT", "--http", "httptools"]
    granian = [python, "-m", "granian", "--interface", "asginl", "--factory", "--workers", "1"]
    granian += ["--no-access-log", "--log-level", "error", "--loop", "uvloop", "--port", "PORT"]
    here = "benchmarks.standin_server:"
    itself = [python, "-m", "standin", "--port", "PORT"]
    aiohttp = [python, str(Path(__file__).resolve()), "--serve-aiohttp", "PORT"]
    return [
        Candidate("uvicorn as the stand-in runs it", "stand-in", itself, "uvloop"),
        Candidate("uvicorn, uvloop", "stand-in", [*uvicorn, "--loop", "uvloop", f"{here}stand_in"], "uvloop"),
        Candidate(
            "uvicorn, asyncio", "stand-in", [*uvicorn, "--loop", "asyncio", f"{here}stand_in"], "uvicorn"
        ),
        Candidate("granian", "stand-in", [*granian, f"{here}stand_in"], "granian"),
        Candidate("uvicorn, uvloop", "bare", [*uvicorn, "--loop", "uvloop", f"{here}bare"], "uvloop"),
        Candidate("granian", "bare", [*granian, f"{here}bare"], "granian"),
        Candidate("aiohttp, uvloop", "bare", aiohttp, "aiohttp"),
    ]


def stand_in() -> Any:
    """The stand-in as an ASGI application, for servers other than its own."""
    from standin.app import StandIn
    from standin.control import Control
    from standin.credentials import RequiredCredentials
    from standin.faults import Faults

    return StandIn(Control(Faults()), RequiredCredentials())


def bare() -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The least that an ASGI application can do with an identify request."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"3")]

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}\n"})

    return answer


def _serve_aiohttp(port: int) -> None:
    import uvloop
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b"{}\n", content_type="application/json")

    application = web.Application()
    application.router.add_put("/api/v1/customers/{identifier}", answer)
    web.run_app(
        application, host="127.0.0.1", port=port, loop=uvloop.new_event_loop(), access_log=None, print=None
    )


# -- measuring ------------------------------------------------------------------------------------


def _measure(candidate: Candidate, script: Path, seconds: int, server_core: int, wrk_core: int) -> None:
    port = _free_port()
    command = [str(port) if part == "PORT" else part for part in candidate.command]
    server = subprocess.Popen(
        ["taskset", "-c", str(server_core), *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_listening(port, server)
        result = subprocess.run(
            [
                *("taskset", "-c", str(wrk_core), "wrk", "--latency", "-t1", f"-c{CONNECTIONS}"),
                *(f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/api/v1/customers/ada"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    finally:
        server.terminate()
        server.wait()
    if "Non-2xx" in result or "Socket errors" in result:
        raise RuntimeError(f"{candidate.server}: not all requests were answered with 200\n{result}")
    candidate.per_second.append(float(re.findall(r"Requests/sec:\s+([\d.]+)", result)[0]))
    candidate.p99.append(re.findall(r"^\s+99%\s+(\S+)", result, re.MULTILINE)[0])


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server on port {port}: {server.args!r}")


# -- the command ----------------------------------------------------------------------------------


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server")
    return parser.parse_args()


def _report(candidates: list[Candidate]) -> None:
    reference = next(each.median for each in candidates if each.application == "stand-in")
    _say(f"\n{'server':<32}{'application':<13}{'requests/s':>11}{'ratio':>8}   p99, each round")
    for each in candidates:
        line = f"{each.server:<32}{each.application:<13}{each.median:>11.0f}{each.median / reference:>8.2f}"
        _say(f"{line}   {', '.join(each.p99)}")
    _say(f"\n{reference / NEEDED_PER_SECOND:.1f} times the {NEEDED_PER_SECOND} a second that it must do.")


def _give_up(reason: str) -> int:
    sys.stderr.write(f"standin_server: {reason}\n")
    return 2


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve-aiohttp"]:
        _serve_aiohttp(int(sys.argv[2]))
    else:
        sys.exit(main())
