"""Runs a master and its workers as users do, each in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.programs.load_test import Finished, LoadTest
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer


class Cluster:
    """A master and its workers, each a process of its own, against one stand-in.

    Args:
        tmp_path: where everybody's files go.
        standin: the target.
        workers: how many to start with, and to wait for.
        profile: the text of a profile; only the master knows it.
        arguments: further ones for the master.
        headless: whether the master runs without the web UI.
        started: how many of the workers are started, if not all.
        key: what master and workers sign their messages with.
    """

    def __init__(
        self,
        tmp_path: Path,
        standin: StandinServer,
        *arguments: str,
        workers: int,
        profile: str,
        headless: bool = True,
        started: int | None = None,
        key: str = "",
    ) -> None:
        self._tmp_path = tmp_path
        self._standin = standin
        self._key = key
        self.port = free_port()
        (tmp_path / "master").mkdir()
        self.master = LoadTest(
            tmp_path / "master",
            "--master", "--master-bind-port", str(self.port), "--expect-workers", str(workers), *arguments,
            profile=profile,
            headless=headless,
            env={
                "CUSTOMERIO_BASE_URL": standin.url,
                "LOAD_TEST_RESULTS_DIR": str(tmp_path / "results"),
                "LOAD_TEST_CLUSTER_KEY": key,
            },
        )  # fmt: skip
        self.master.results_dir = tmp_path / "results"
        self.workers = [
            self.add_worker(str(number)) for number in range(workers if started is None else started)
        ]

    def add_worker(self, name: str, root: Path | None = None, **env: str) -> LoadTest:
        """Start one more worker."""
        folder = self._tmp_path / f"worker-{name}"
        folder.mkdir()
        return LoadTest(
            folder,
            "--worker", "--master-port", str(self.port),
            headless=False,
            root=root,
            env={
                "LOAD_TEST_RESULTS_DIR": str(self._tmp_path / "results"),
                "LOAD_TEST_CLUSTER_KEY": self._key,
                **env,
            },
        )  # fmt: skip

    def wait_for_requests(self, count: int) -> None:
        """Wait until the stand-in has seen this many."""
        self.master.wait_until(lambda: self._standin.stats()["requests_total"] >= count)

    def finish(self) -> Finished:
        """Wait for the master's end, then for that of workers which have not been waited for."""
        finished = self.master.finish()
        for worker in self.workers:
            if worker in LoadTest.unfinished:
                worker.finish()
        return finished
