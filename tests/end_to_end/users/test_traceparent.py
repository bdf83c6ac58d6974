"""``--traceparent``: also the requests that a worker sends have a trace each."""

from __future__ import annotations

import re
from pathlib import Path

from tests.programs.load_test import processes, run_load_test, two_scenarios
from tests.servers.echo_server import EchoServer


def test_every_request_of_a_worker_has_a_trace_of_its_own(tmp_path: Path) -> None:
    with EchoServer() as server:
        finished = run_load_test(
            tmp_path, *processes(1), "--traceparent",
            profile=two_scenarios([(20, "1s")], start_rate=20),
            env={
                "CUSTOMERIO_BASE_URL": server.url,
                "CUSTOMERIO_SITE_ID": "site-of-ours",
                "CUSTOMERIO_API_KEY": "key-of-ours",
            },
        )  # fmt: skip
    assert finished.summary["metrics"]["http_reqs"]["count"] == 40, finished.stderr
    traces = re.findall(
        rb"traceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\b", server.heard_beside_authorization
    )
    assert len(set(traces)) == 40
