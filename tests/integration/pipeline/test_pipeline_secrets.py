"""No secret of the settings in what the pipeline's commands say, whatever is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.programs import canaries
from tests.programs.pipeline_worker import WorkerProcess
from tests.servers.echo_server import EchoServer
from tests.servers.redis_server import RedisServer
from tests.servers.standin_server import StandinServer

GOOD = b'{"type":"identify","userId":"ada","payload":{"plan":"pro"}}\n'
HIDDEN = "canary-7-redis-password"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandinServer]:
    with StandinServer("--api-key", canaries.CREDENTIALS["CUSTOMERIO_API_KEY"],
                       "--site-id", canaries.CREDENTIALS["CUSTOMERIO_SITE_ID"]) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """The URL, with its password, of a Redis that asks for it."""
    with RedisServer("--requirepass", HIDDEN) as running:
        yield running.url.replace("127.0.0.1", f":{HIDDEN}@127.0.0.1")


def run(folder: Path, url: str, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a worker with all canaries in its environment; return its exit code and what it said."""
    source = folder / "source.jsonl"
    source.write_bytes(GOOD + b"no message\n")
    settings: Mapping[str, str] = {
        **canaries.ALL,
        "CUSTOMERIO_BASE_URL": url,
        "LOG_LEVEL": "DEBUG",
        **variables,
    }
    with WorkerProcess(settings, *(arguments or ("--from", str(source)))) as worker:
        exit_code = worker.wait()
        said = worker.output() + worker.errors()
    assert canaries.hits(said) == []
    assert canaries.hits_below(folder) == []
    assert "Traceback" not in said
    return exit_code, said


def test_a_delivery_says_none(standin: StandinServer, redis: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, standin.url, REDIS_URL=redis)
    assert (code, said.count("1 delivered, 1 dead letters")) == (1, 1)
    assert standin.stats()["people"] == 1


def test_a_server_that_repeats_the_credentials_is_not_quoted(redis: str, tmp_path: Path) -> None:
    with EchoServer(answers_reads=True) as server:
        code, said = run(tmp_path, server.url, REDIS_URL=redis)
    assert code == 2
    assert said.splitlines()[-1].startswith("error: CUSTOMERIO_")


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"CUSTOMERIO_API_KEY": canaries.OTHERS["K6_INFLUXDB_TOKEN"]}, "CUSTOMERIO_*"),  # another's
        ({"REDIS_URL": f"redis://:{HIDDEN}@127.0.0.1:none/0"}, "REDIS_URL"),
        ({"REDIS_URL": f"http://:{HIDDEN}@127.0.0.1/0"}, "REDIS_URL"),
        ({"REDIS_URL": f"redis://127.0.0.1:1/0?password={HIDDEN}&x"}, "REDIS_URL"),
        ({"REDIS_URL": f":{HIDDEN}@127.0.0.1"}, "REDIS_URL"),
        ({"KAFKA_BROKERS": f"kafka://me:{HIDDEN}@127.0.0.1:9092"}, "KAFKA_BROKERS"),
        ({"KAFKA_BROKERS": f"127.0.0.1:9092?token={HIDDEN}"}, "KAFKA_BROKERS"),
        ({"CUSTOMERIO_BASE_URL": f"http://me:{HIDDEN}@127.0.0.1"}, "CUSTOMERIO_BASE_URL"),
        ({"CUSTOMERIO_BASE_URL": f"http://127.0.0.1?key={HIDDEN}"}, "CUSTOMERIO_BASE_URL"),
        ({"CUSTOMERIO_BASE_URL": "http://track.customer.io"}, "track.customer.io"),
        ({"CUSTOMERIO_CA_FILE": os.devnull}, "CUSTOMERIO_CA_FILE"),
        ({"BATCH_SIZE": "many"}, "BATCH_SIZE"),
        ({"MESSAGE_MAPPING": "no_such:mapping"}, "MESSAGE_MAPPING"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_USERNAME"),
        ({"PIPELINE_ENV_FILE": "/no/such"}, "PIPELINE_ENV_FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_setting_says_none(
    standin: StandinServer, redis: str, tmp_path: Path, variables: dict[str, str], name: str
) -> None:
    code, said = run(tmp_path, standin.url, **{"REDIS_URL": redis, **variables})
    assert code == 2
    assert name in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--api-key", canaries.CREDENTIALS["CUSTOMERIO_API_KEY"]], "--api-key: everybody on this machine"),
        ([f"--token={HIDDEN}"], "--token: everybody on this machine"),
        ([f"--tokn={HIDDEN}"], "unrecognized arguments: --tokn=..."),
        ([f"redis://:{HIDDEN}@h/0"], "unrecognized arguments: redis://..."),
        (["--from", "/no/such"], "--from: /no/such"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_argument_says_none(
    standin: StandinServer, redis: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, text = run(tmp_path, standin.url, *arguments, REDIS_URL=redis)
    assert code == 2
    assert said in text
