"""Customer.io's own Python client against the stand-in, over TLS as it always is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from customerio import CustomerIO, CustomerIOException

from tests.servers.standin_server import StandinServer

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer("--tls") as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    server.set_faults(error_share=0.0, reset_share=0.0)
    return server


@pytest.fixture
def client(standin: StandinServer) -> Iterator[Any]:
    with CustomerIO("site", "key", host="127.0.0.1", port=standin.port) as client:
        client.http.verify = standin.ca_file
        client.http.trust_env = False
        yield client


def test_all_that_it_can_send(standin: StandinServer, client: Any) -> None:
    client.identify("a/b c", email="ada@example.com", plan="basic")
    client.track("a/b c", "purchase", {"price": 23.45}, id=ULID, timestamp=1_760_000_000)
    client.track("a/b c", "purchase", {"price": 23.45}, id=ULID)
    client.track_anonymous("anonymous", "visit")
    client.pageview("a/b c", "/pricing", referrer="/")
    client.backfill("a/b c", "signup", 1_700_000_000)
    client.add_device("a/b c", "token", "ios", last_used=1_760_000_000)
    client.delete_device("a/b c", "token")
    client.identify("bob")
    client.merge_customers("id", "a/b c", "id", "bob")
    client.suppress("eve")
    client.unsuppress("eve")
    client.identify("mallory")
    client.delete("mallory")
    client.batch(
        [
            {
                "type": "person",
                "action": "event",
                "identifiers": {"id": "a/b c"},
                "name": "visit",
                "attributes": {"page": 1},
            }
        ]
    )

    stats = standin.stats()
    assert stats["statuses"] == {"200": 15}
    assert stats["requests"] == {
        "identify": 3,
        "track": 4,
        "track_anonymous": 1,
        "add_device": 1,
        "delete_device": 1,
        "merge": 1,
        "suppress": 1,
        "unsuppress": 1,
        "delete": 1,
        "batch": 1,
    }
    assert (stats["people"], stats["events"], stats["duplicates"]) == (1, 5, 1)
    person = standin.person("a/b c")
    assert person is not None
    assert person["events"] == {"purchase": 1, "/pricing": 1, "signup": 1, "visit": 1}


def test_it_retries_a_500_and_gives_up(standin: StandinServer, client: Any) -> None:
    standin.set_faults(error_share=1.0)

    with pytest.raises(CustomerIOException):
        client.identify("ada")

    assert standin.stats()["statuses"] == {"500": 4}


def test_it_takes_a_207_for_success(standin: StandinServer, client: Any) -> None:
    response = client.batch(
        [{"type": "person", "action": "identify", "identifiers": {"id": "ada"}}, {"type": "planet"}]
    )

    assert response.status_code == 207
    assert response.json()["errors"][0]["batch_index"] == 1


def test_a_client_without_the_authority_is_turned_away(standin: StandinServer) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_a_reset_goes_through_tls(standin: StandinServer) -> None:
    standin.set_faults(reset_share=1.0)
    context = ssl.create_default_context(cafile=standin.ca_file)
    with (
        socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost", suppress_ragged_eofs=False) as secured,
    ):
        secured.sendall(
            b"POST /api/v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\n"
            b'{"delivery_id":"d","metric":"opened"}'
        )
        # Python's ssl module reports a reset as an end of file; only the socket knows better.
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            secured.recv(1)
        with pytest.raises(OSError, match="not connected"):
            secured.getpeername()

    assert standin.stats()["statuses"] == {"reset": 1}


def test_the_authority_goes_where_it_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    with StandinServer("--tls", "--tls-ca-file", str(path)) as standin:
        assert standin.ca_file == str(path)
        assert standin.stats()["requests"] == {}

    assert path.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_the_default_authority_file_goes_with_the_server() -> None:
    with StandinServer("--tls") as standin:
        assert standin.ca_file is not None
        path = Path(standin.ca_file)
        assert path.exists()

    assert not path.exists()
