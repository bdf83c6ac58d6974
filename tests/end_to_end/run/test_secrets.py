"""No secret in anything that a run writes, says or shows."""

from __future__ import annotations

import base64
from pathlib import Path

import psutil
import pytest

from tests.programs.load_test import LoadTest, two_scenarios
from tests.servers.standin_server import StandinServer

SITE_ID, API_KEY = "site-5b1f4a", "key-9c2d7e-hush"
SECRETS = [SITE_ID, API_KEY, base64.b64encode(f"{SITE_ID}:{API_KEY}".encode()).decode()]


@pytest.mark.parametrize("demanded_key", [API_KEY, "another key"])
def test_secrets_are_nowhere(tmp_path: Path, demanded_key: str) -> None:
    """With the right key and with a refused one, for errors are where secrets slip out."""
    with StandinServer("--site-id", SITE_ID, "--api-key", demanded_key) as standin:
        test = LoadTest(
            tmp_path,
            "--csv",
            str(tmp_path / "locust"),
            "--html",
            str(tmp_path / "locust.html"),
            "--loglevel",
            "DEBUG",
            profile=two_scenarios([(20, "1s")], start_rate=20),
            env={
                "CUSTOMERIO_SITE_ID": SITE_ID,
                "CUSTOMERIO_API_KEY": API_KEY,
                "CUSTOMERIO_BASE_URL": standin.url,
            },
        )
        test.wait_until(lambda: standin.stats()["requests_total"] >= 10)
        title = " ".join(psutil.Process(test.process.pid).cmdline())
        test.finish()
        expected = {"200": 40} if demanded_key == API_KEY else {"401": 40}
        assert standin.stats()["statuses"] == expected
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"metrics.csv", "summary.json", "settings.json", "stdout.txt", "stderr.txt", "locust.html"} <= {
        path.name for path in files
    }
    for secret in SECRETS:
        assert secret not in title
        assert not [path.name for path in files if secret.encode() in path.read_bytes()]
