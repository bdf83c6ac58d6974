"""The image's entry point, started outside of a container with the files and variables it has inside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deploy.container import Container, compose_variables
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer

_MOST_SECONDS = 90


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    container = Container(tmp_path)
    yield container
    container.end()


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for its end; what it has written."""
    output, _ = process.communicate(timeout=_MOST_SECONDS)
    return output


def test_it_runs_with_what_the_image_holds_and_writes_only_results(container: Container) -> None:
    before = container.files()
    process = container.start("--headless", "--profile", "smoke", "--time-scale", "0.2", variables={})
    output = finish(process)
    assert process.returncode == 0, output
    assert container.summary["run"]["is_standin"] is True
    assert container.files() == before


def test_a_mistake_ends_it_with_one_line_and_code_2(container: Container) -> None:
    process = container.start("--headless", "--profile", "nosuch", variables={})
    assert "no such profile" in finish(process)
    assert process.returncode == 2


def test_the_compose_files_master_and_workers_make_one_run(container: Container) -> None:
    """Only what an engine's network would do differs: ports, and the names of hosts."""
    port = str(free_port())
    with StandinServer() as standin:
        own = {
            "CUSTOMERIO_BASE_URL": standin.url,
            "CUSTOMERIO_SITE_ID": "standin",
            "CUSTOMERIO_API_KEY": "standin",
            "LOAD_TEST_RESULTS_DIR": str(container.results),
        }
        master_variables = {**compose_variables("master"), **own, "LOCUST_MASTER_BIND_PORT": port}
        worker_variables = {**compose_variables("worker"), **own, "LOCUST_MASTER_NODE_PORT": port}
        worker_variables["LOCUST_MASTER_NODE_HOST"] = "127.0.0.1"
        workers = [container.start(variables=worker_variables) for _ in range(2)]
        master = container.start(
            "--headless", "--profile", "smoke", "--time-scale", "0.3", variables=master_variables
        )
        output = finish(master)
        assert master.returncode == 0, output
        for worker in workers:
            worker_output = finish(worker)
            assert worker.returncode == 0, worker_output
        reached = standin.stats()["requests"]
    ledger = container.summary["ledger"]
    started = {name: one["started"] for name, one in ledger.items()}
    assert started == {name: one["scheduled"] for name, one in ledger.items()}
    assert sum(reached.values()) == sum(started.values()) > 0
