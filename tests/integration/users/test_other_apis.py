"""The App API and the Pipelines API through both clients: limits, wrong keys, strict mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.users.scenario_users import arrival, users_of
from tests.servers.standin_server import StandinServer
from users.broadcast import BroadcastUser
from users.http.factory import HttpClient
from users.outcome import Failure, FailureKind
from users.pipelines import PipelinesUser
from users.transactional import TransactionalUser

APP_KEY, WRITE_KEY = "hush-app-key", "hush-write-key"
BOTH_CLIENTS = pytest.mark.parametrize("client", list(HttpClient), ids=str)


@pytest.fixture(scope="module")
def running() -> Iterator[StandinServer]:
    with StandinServer("--app-key", APP_KEY, "--write-key", WRITE_KEY) as server:
        yield server


@pytest.fixture
def standin(running: StandinServer) -> StandinServer:
    running.reset()
    return running


def variables(standin: StandinServer, app_key: str = APP_KEY, write_key: str = WRITE_KEY) -> dict[str, str]:
    return {
        "CUSTOMERIO_BASE_URL": standin.url,
        "CUSTOMERIO_APP_KEY": app_key,
        "CUSTOMERIO_WRITE_KEY": write_key,
    }


@BOTH_CLIENTS
def test_beyond_the_limit_a_429_is_a_failure_that_says_when_and_why(
    standin: StandinServer, tmp_path: Path, client: HttpClient
) -> None:
    (user,) = users_of(BroadcastUser, tmp_path, variables(standin), client)
    # The other client's broadcast may have used up the ten seconds.
    user._send_call(arrival(1))
    failure = user._send_call(arrival(2))
    user._transport.close()
    assert failure is not None
    assert failure.kind is FailureKind.RATE_LIMITED
    assert "Retry-After: " in failure.detail
    assert '"meta":{"error":' in failure.detail.replace(" ", "")


@BOTH_CLIENTS
def test_a_wrong_app_key_is_a_failure_that_does_not_show_it(
    standin: StandinServer, tmp_path: Path, client: HttpClient
) -> None:
    (user,) = users_of(TransactionalUser, tmp_path, variables(standin, app_key="hush-another"), client)
    failure = user._send_call(arrival(1))
    user._transport.close()
    assert failure is not None
    assert failure.kind is FailureKind.UNAUTHORIZED
    assert "hush" not in failure.detail


@BOTH_CLIENTS
@pytest.mark.parametrize("strict", ["0", "1"])
def test_only_strict_mode_shows_that_nothing_arrives(
    standin: StandinServer, tmp_path: Path, client: HttpClient, strict: str
) -> None:
    settings = variables(standin, write_key="hush-another")
    (user,) = users_of(PipelinesUser, tmp_path, settings, client, STRICT_MODE=strict)
    failures: list[Failure | None] = [user._send_call(arrival(number)) for number in range(1, 8)]
    user._transport.close()
    if strict == "1":
        kinds = [failure.kind for failure in failures if failure is not None]
        assert kinds == [FailureKind.UNAUTHORIZED] * 7
    else:
        assert failures == [None] * 7
    stats = standin.stats()
    assert stats["ignored"] == (0 if strict == "1" else 7)
    assert stats["people"] == stats["events"] == 0
