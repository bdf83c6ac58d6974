"""The servers that the generators send to: nginx, and this project's stand-in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from standin.own_process import LocalStandin  # noqa: E402 - after the path

# Held answers show what a generator adds to a latency that is known, as the wire has it.
_STANDIN_OPTIONS = {"stand-in": (), "stand-in, 20 ms": ("--latency", "20ms")}
SERVERS = ("nginx", *_STANDIN_OPTIONS)


@contextmanager
def serving(name: str, cores: Collection[int]) -> Iterator[str]:
    """Start a server of its own on some cores, and yield its URL. nginx has a worker for each core."""
    with on_cores(cores):
        server = _nginx(len(cores)) if name == "nginx" else _standin(name)
        with server as url:
            yield url


@contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _standin(name: str) -> Iterator[str]:
    with LocalStandin(*_STANDIN_OPTIONS[name]) as standin:
        yield standin.url


@contextmanager
def _nginx(workers: int) -> Iterator[str]:
    """Run an nginx that answers everything as Customer.io does."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        Path(folder, "nginx.conf").write_text(
            f"worker_processes {workers}; daemon off; pid {folder}/pid; error_log {folder}/errors warn;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; default_type application/json;\n"
            'location / { return 200 "{}\\n"; } } }\n'
        )
        command = ["nginx", "-c", f"{folder}/nginx.conf"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_for(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("nginx does not come up")
