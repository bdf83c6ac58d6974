"""The command: its options, its one line on start, its exit codes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.servers.standin_server import StandinServer

ROOT = Path(__file__).resolve().parents[3]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """For options with which it does not start."""
    return subprocess.run(
        [sys.executable, "-m", "standin", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--error-share", "1.5"], "argument --error-share: expected a share between 0 and 1, got 1.5"),
        (["--drop-share", "x"], "argument --drop-share: expected a share between 0 and 1, got 'x'"),
        (["--latency=-20ms"], "argument --latency: expected a latency such as"),
        (["--latency", "soon"], "argument --latency: expected a latency such as"),
        (["--hang-seconds", "-1"], "argument --hang-seconds: expected a number of seconds"),
        (["--rate-limit", "0"], "argument --rate-limit: expected whole requests per second"),
        (["--seed", "x"], "argument --seed: expected a whole number, got 'x'"),
        (["--port", "65536"], "argument --port: expected a port, 0 to 65535, got '65536'"),
        (["--error-share", "0.6", "--hang-share", "0.6"], "expected a sum of at most 1"),
        (["--site-id", "site"], "--site-id and --api-key: expected both or none"),
        (["--host", "256.0.0.1", "--port", "0"], "can't listen on 256.0.0.1 port 0"),
        (["--tls", "--port", "0", "--tls-ca-file", "/"], "--tls-ca-file: can't write /"),
        (["--port", "0", "--journal", "/"], "--journal: can't write /: Is a directory"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(options: list[str], message: str) -> None:
    result = run(*options)

    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "http" not in result.stdout


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--port", str(port))

    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"can't listen on 127.0.0.1 port {port}: " in result.stderr


def test_without_trustme_tls_says_what_to_install(tmp_path: Path) -> None:
    # A package of that name that can't be imported, ahead of the real one.
    (tmp_path / "trustme.py").write_text("raise ImportError\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from standin.command import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "--tls", "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert result.returncode == 2
    assert "trustme" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_names_every_option() -> None:
    result = run("--help")

    assert result.returncode == 0
    for option in (
        "--port",
        "--tls",
        "--latency",
        "--reset-share",
        "--rate-limit",
        "--journal",
        "--no-retry-after",
    ):
        assert option in result.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_even_with_requests_that_hang(number: signal.Signals) -> None:
    standin = StandinServer("--hang-share", "1", "--latency", "1h")
    request = b"POST /api/v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\n"
    request += b'{"delivery_id":"d","metric":"opened"} '
    with (
        socket.create_connection(("127.0.0.1", standin.port), timeout=10) as hung,
        socket.create_connection(("127.0.0.1", standin.port), timeout=10) as waiting,
    ):
        hung.sendall(request)
        while standin.stats()["statuses"] != {"hung": 1}:
            pass
        standin.set_faults(hang_share=0)
        waiting.sendall(request)
        while standin.stats()["in_flight"] != 1:
            pass

        assert standin.stop(number) == 0
        assert (hung.recv(1), waiting.recv(1)) == (b"", b"")


def test_nothing_is_written_to_standard_error_in_a_life_of_trouble() -> None:
    with StandinServer("--reset-share", "0.5", "--seed", "3") as standin:
        for _ in range(20):
            try:
                requests.put(f"{standin.url}/api/v1/customers/a", json={}, auth=("site", "key"), timeout=10)
            except requests.ConnectionError:
                continue
        stats = standin.stats()
        standin.process.send_signal(signal.SIGTERM)
        assert standin.process.wait(30) == 0
        assert standin.errors() == ""

    assert stats["statuses"]["reset"] > 0
    assert stats["statuses"]["200"] == 20 - stats["statuses"]["reset"]


@pytest.mark.parametrize("by", ["options", "environment"])
def test_a_demanded_pair_of_credentials(by: str) -> None:
    if by == "options":
        standin = StandinServer("--site-id", "site", "--api-key", "key")
    else:
        standin = StandinServer(env={"STANDIN_SITE_ID": "site", "STANDIN_API_KEY": "key"})
    with standin:
        url = f"{standin.url}/api/v1/accounts/region"
        assert requests.get(url, auth=("site", "key"), timeout=10).status_code == 200
        assert requests.get(url, auth=("site", "other"), timeout=10).status_code == 401


def test_faults_can_be_set_on_the_command_line() -> None:
    with StandinServer(
        *("--latency", "lognormal:1ms,0.1", "--error-share", "0.1", "--hang-seconds", "2.5"),
        *("--rate-limit", "100", "--retry-after", "--seed", "5", "--no-app-limits"),
    ) as standin:
        assert standin.set_faults() == {
            "latency": "lognormal:1ms,0.1",
            "error_share": 0.1,
            "reset_share": 0.0,
            "hang_share": 0.0,
            "hang_seconds": 2.5,
            "drop_share": 0.0,
            "rate_limit": 100,
            "retry_after": True,
            "app_limits": False,
            "seed": 5,
            "paused": False,
        }
        arrivals = requests.get(f"{standin.url}/_standin/arrivals?operation=identify", timeout=10)
        assert arrivals.status_code == 409
        assert "--record-arrivals" in arrivals.json()["meta"]["error"]


def test_it_listens_on_ipv6_too() -> None:
    with StandinServer("--host", "::1") as standin:
        assert standin.url.startswith("http://[::1]:")
        assert standin.stats()["requests"] == {}


@pytest.mark.parametrize("closes", [True, False])
def test_it_ends_with_the_program_that_holds_its_standard_input_or_on_a_signal(closes: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "standin", "--port", "0", "--until-stdin-closes"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert "listening on" in process.stdout.readline()
        if closes:
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
