"""Whatever names a live host, and however: none is looked up or connected to. An audit hook is the judge."""

from __future__ import annotations

import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from locust import HttpUser, task
from locust.env import Environment

from config.customerio.hosts import Api, check_connection
from config.errors import ConfigError
from config.guarded_session import guard_session
from config.profile import ProfileText
from config.settings import load_settings
from engine.locust_host import LocustHost
from metrics.influxdb_output import InfluxDbOutput, InfluxDbTarget
from metrics.store import MetricStore
from run.arguments import Arguments
from run.local_vus import LocalVus
from run.outputs import check_outputs
from run.preparation import prepare
from run.queue_watch import QueueWatch, check_queue_metrics
from run.run_clock import RunClock
from run.target import choose_target
from tests.servers.scripted_server import Peer, ScriptedServer
from users.http.factory import HttpClient, new_transport
from users.identify import IdentifyUser
from users.kinds import Kinds
from users.outcome import FailureKind
from users.track import TrackUser
from users.transport import Call

OURS = ("127.0.0.1", "localhost", "::1")
CREDENTIALS = {"CUSTOMERIO_SITE_ID": "site-hush", "CUSTOMERIO_API_KEY": "key-hush-hush"}


class Judge:
    """Hears of every look-up and connection of this interpreter while a test listens."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._is_listening = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_listening:
            return
        if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.getnameinfo"):
            self.heard.append(str(arguments[0]))
        elif event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            self.heard.append(str(address[0]) if isinstance(address, tuple) else "localhost")

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.heard.clear()
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False

    @property
    def strangers(self) -> list[str]:
        """Every host that is not this machine."""
        return [host for host in self.heard if host not in OURS]


JUDGE = Judge()

SPELLINGS = [
    "https://track.customer.io",
    "https://track-eu.customer.io",
    "https://customer.io",
    "https://api.customer.io:8443",
    "https://TRACK.CUSTOMER.IO",
    "HTTPS://Track.Customer.Io",
    "https://track.customer.io.",
    "https://track.customer.io..",
    "https://track.customer.io:443",
    "https://track.customer.io:0443",
    "http://track.customer.io",
    "http://track.customer.io:443",
    "http://track.customer.io.:80/",
    "https://site:key-hush@track.customer.io",
    "https://127.0.0.1@track.customer.io",
    "https://127.0.0.1:80@track.customer.io",
    "https://@track.customer.io",
    "https://track.%63ustomer.io",
    "https://track.customer%2Eio",
    "https://track.customer%2eio",
    "https://track.customer.io%00.example.com",
    "https://track.customer.io%2F.example.com",
    "https://ｔｒａｃｋ.customer.io",
    "https://track.ＣＵＳＴＯＭＥＲ.io",
    "https://track.customer。io",
    "https://track．customer．io",
    "https://track｡customer｡io",
    "https://track.cust\N{SOFT HYPHEN}omer.io",
    "https://track.customer.io\N{ZERO WIDTH SPACE}",
    "https://track.cust\N{VARIATION SELECTOR-16}omer.io",
    "https://track.customer\N{VARIATION SELECTOR-256}.io",
    "https://track.customer.i\N{COMBINING GRAPHEME JOINER}o",
    "https://track.cus\N{MONGOLIAN FREE VARIATION SELECTOR ONE}tomer.io",
    "https://track.cust\N{HANGUL FILLER}omer.io",
    "https://track.cust\N{HALFWIDTH HANGUL FILLER}omer.io",
    "https://track.cust\N{MONGOLIAN TODO SOFT HYPHEN}omer.io",
    "https://track.customer\N{ONE DOT LEADER}io",
    "https://track.cu\N{LATIN SMALL LETTER LONG S}tomer.io",
    "https://track.customer.\N{SMALL ROMAN NUMERAL ONE}o",
    "https://track.customer.io\\@127.0.0.1",
    "https://127.0.0.1\\@track.customer.io",
    "https://track.customer.io\t",
    "https://track.customer.io\n",
    "https://track.customer.io#@127.0.0.1",
    "https://track.customer.io?@127.0.0.1",
    "https://track.customer.io/?host=127.0.0.1",
    "https:///track.customer.io",
    "https:track.customer.io",
    "//track.customer.io",
    "track.customer.io",
    "https://[track.customer.io]",
    "https://[::ffff:track.customer.io]",
    "https://[::1]@track.customer.io",
]


class Vu(HttpUser):
    """Stands for any VU; a transport needs one for Locust's events."""

    abstract = True

    @task
    def nothing(self) -> None:
        """Locust wants a task."""


def vu_of(host: str) -> HttpUser:
    vu: HttpUser = type("Vu", (Vu,), {"host": host})(Environment(host=host))
    return vu


CALL = Call("PUT", "/api/v1/customers/ada", "identify", {})


# Each door takes a URL, and raises ConfigError or ValueError, or returns the kind of failure.


def as_host(url: str) -> object:
    return choose_target(load_settings(CREDENTIALS), url, allow_live=False)


def as_base_url(url: str) -> object:
    return choose_target(load_settings({**CREDENTIALS, "CUSTOMERIO_BASE_URL": url}), None, allow_live=False)


def as_queue_page(url: str) -> object:
    check_queue_metrics([url])
    return QueueWatch([url])


def as_influxdb_1(url: str) -> object:
    return InfluxDbOutput(InfluxDbTarget.parse(f"{url}/k6", {}))


def as_influxdb_2(url: str) -> object:
    return InfluxDbOutput(InfluxDbTarget.parse(f"{url}?org=o&bucket=b", {"K6_INFLUXDB_TOKEN": "hush"}))


def through_the_fast_client(url: str) -> object:
    return _sent_by(HttpClient.FAST, url)


def through_requests(url: str) -> object:
    return _sent_by(HttpClient.REQUESTS, url)


def _sent_by(client: HttpClient, url: str) -> object:
    transport = new_transport(client, vu_of(url), url, "Basic c2VjcmV0", None, 5.0)
    try:
        failure = transport.send(CALL)
    finally:
        transport.close()
    assert failure is not None
    return failure.kind


def through_a_call_with_an_absolute_path(url: str) -> object:
    """A kind of user of one's own may return any path."""
    with ScriptedServer(lambda peer: peer.close()).serving() as server:
        base_url = f"http://127.0.0.1:{server.port}"
        vu = vu_of(base_url)
        transport = new_transport(HttpClient.REQUESTS, vu, base_url, "Basic c2VjcmV0", None, 5.0)
        failure = transport.send(Call("PUT", url, "identify", {}))
        transport.close()
    assert failure is not None
    return failure.kind


def through_a_vus_own_session(url: str) -> object:
    session = vu_of("http://127.0.0.1:9").client
    # As a user's own code may set it; Locust looks at no proxy by itself.
    session.trust_env = True
    guard_session(session, allow_live=False, most_body_bytes=None)
    with session.get(url, timeout=5, catch_response=True) as response:
        assert response.error is not None
        raise ValueError(str(response.error))


DOORS: list[Callable[[str], object]] = [
    as_host,
    as_base_url,
    as_queue_page,
    as_influxdb_1,
    as_influxdb_2,
    through_the_fast_client,
    through_requests,
    through_a_call_with_an_absolute_path,
    through_a_vus_own_session,
]


def try_door(door: Callable[[str], object], url: str) -> str:
    """Return how the door stayed shut; the judge has listened."""
    with JUDGE.listening():
        try:
            result = door(url)
        except (ConfigError, ValueError, requests.RequestException) as error:
            return f"refused: {error}"
    return str(result)


def test_the_judge_hears_a_look_up_and_a_connection() -> None:
    with ScriptedServer(lambda peer: peer.close()).serving() as server, JUDGE.listening():
        socket.create_connection(("localhost", server.port)).close()
    assert "localhost" in JUDGE.heard
    assert set(JUDGE.heard) & {"127.0.0.1", "::1"}
    with JUDGE.listening(), pytest.raises(OSError, match=r"."):
        socket.getaddrinfo("judge.invalid", 1)
    assert JUDGE.strangers == ["judge.invalid"]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_no_spelling_opens_a_door(door: Callable[[str], object]) -> None:
    for url in SPELLINGS:
        how = try_door(door, url)
        assert JUDGE.strangers == [], (door.__name__, url)
        is_shut = how.startswith("refused") or how in (FailureKind.EXCEPTION, FailureKind.CONNECTION)
        assert is_shut, (url, how)
        assert "hush" not in how, (door.__name__, url)


def test_plain_http_is_refused_even_where_live_load_is_wanted() -> None:
    for scheme in ("http", "HTTP", "ws", "tcp"):
        with pytest.raises(ConfigError, match="expected https"):
            check_connection(f"{scheme}://track.customer.io", allow_live=True)
    for client in HttpClient:
        url = "http://track.customer.io"
        with JUDGE.listening(), pytest.raises(ConfigError, match="expected https"):
            new_transport(client, vu_of(url), url, "Basic c2VjcmV0", None, 5.0, allow_live=True)
        assert JUDGE.heard == []


@pytest.mark.parametrize("api", [Api.TRACK, Api.APP, Api.PIPELINES], ids=str)
@pytest.mark.parametrize("name", ["CUSTOMERIO_APP_KEY", "CUSTOMERIO_WRITE_KEY"])
def test_the_keys_of_other_apis_open_no_door(name: str, api: Api) -> None:
    settings = load_settings({name: "key-hush"})
    with JUDGE.listening(), pytest.raises(ConfigError, match="it is a live workspace") as caught:
        choose_target(settings, None, allow_live=False, apis=[api])
    assert JUDGE.heard == []
    assert "hush" not in str(caught.value)


def test_a_live_host_is_no_receiver_of_webhooks() -> None:
    for url in ("https://track.customer.io/x", "https://cdp.customer.io", "http://api.customer.io/hook"):
        variables = {"WEBHOOK_URL": url, "WEBHOOK_SIGNING_KEY": "key-hush"}
        with JUDGE.listening(), pytest.raises(ConfigError, match="it is a live workspace"):
            load_settings(variables)
        assert JUDGE.heard == []


def test_credentials_alone_open_no_door() -> None:
    for region in ({}, {"CUSTOMERIO_REGION": "us"}, {"CUSTOMERIO_REGION": "eu"}, {"CUSTOMERIO_REGION": "EU"}):
        with JUDGE.listening(), pytest.raises(ConfigError, match="it is a live workspace"):
            choose_target(load_settings({**CREDENTIALS, **region}), None, allow_live=False)
        assert JUDGE.heard == []


@pytest.mark.parametrize(
    "output",
    [
        "influxdb=https://track.customer.io/k6",
        "influxdb=http://track.customer.io/k6",
        "influxdb=https://track.customer.io?org=o&bucket=b",
        "influxdb=https://TRACK.customer.io.:8086/k6",
        "influxdb",
    ],
)
@pytest.mark.parametrize("place", ["arguments", "profile"])
def test_an_output_at_a_live_host_is_refused_in_one_line(tmp_path: Path, output: str, place: str) -> None:
    own, profiles = ((output,), "") if place == "arguments" else ((), f"outputs = [{output!r}]\n")
    toml = profiles + (
        '[scenarios.a]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\npre_allocated_vus = 1\n'
        'stages = [{ target = 1, duration = "1s" }]\n'
    )
    arguments = Arguments("p", 1.0, tmp_path, allow_live=True, people_seed=0, outputs=own)
    kinds = Kinds([IdentifyUser], [IdentifyUser])
    preparation = prepare(arguments, load_settings({}), None, kinds, ProfileText("p", toml))
    variables = {"K6_INFLUXDB_ADDR": "https://track.customer.io/k6"}
    with JUDGE.listening(), pytest.raises(ConfigError) as caught:
        check_outputs(preparation, variables)
    assert "live workspace" in str(caught.value)
    assert str(caught.value).startswith("--out influxdb: http")
    assert "\n" not in str(caught.value)
    assert JUDGE.heard == []


# Redirects.

STATUSES = (301, 302, 303, 307, 308)
LOCATIONS = ("https://track.customer.io/", "http://track.customer.io:80/", "//track.customer.io/")


def redirecting(status: int, location: str) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(
                f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            )

    return script


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "door", [as_queue_page, as_influxdb_1, as_influxdb_2, through_the_fast_client, through_requests,
             through_a_vus_own_session], ids=lambda door: door.__name__,
)  # fmt: skip
def test_no_redirect_leads_out(door: Callable[[str], object], status: int) -> None:
    for location in LOCATIONS:
        with ScriptedServer(redirecting(status, location)).serving() as server:
            how = try_door(door, f"http://127.0.0.1:{server.port}")
        assert JUDGE.heard, "the server itself was not reached"
        assert JUDGE.strangers == []
        assert how.startswith("refused") or how == FailureKind.REDIRECT


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("path", ["/k6", "?org=o&bucket=b"], ids=["InfluxDB 1", "InfluxDB 2"])
def test_no_redirect_of_points_leads_out(status: int, path: str) -> None:
    """The database accepts the greeting, and then sends the points elsewhere."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        redirecting(status, LOCATIONS[0])(peer)

    store = MetricStore()
    store.add("vus", 1.0, ())
    with ScriptedServer(script).serving() as server, JUDGE.listening():
        target = InfluxDbTarget.parse(f"http://127.0.0.1:{server.port}{path}", {})
        output = InfluxDbOutput(target)
        output.samples(0, 0, list(store.fold()))
        note = output.stop()
    assert note == "InfluxDB: 1 points dropped, 0 written; metrics.csv has all"
    assert JUDGE.heard
    assert JUDGE.strangers == []


# The environment.


@pytest.mark.parametrize(
    "name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"]
)
@pytest.mark.parametrize("proxy", ["http://track.customer.io:3128", "track.customer.io:3128"])
def test_no_proxy_leads_out(monkeypatch: pytest.MonkeyPatch, name: str, proxy: str) -> None:
    for other in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, proxy)
    url = "https://standin.example" if "https" in name.lower() else "http://standin.example"
    how = try_door(through_a_vus_own_session, url)
    assert "live workspace" in how
    assert JUDGE.heard == []
    with ScriptedServer(redirecting(404, "/")).serving() as server:
        for door in (through_requests, through_the_fast_client):
            assert try_door(door, f"http://127.0.0.1:{server.port}") == FailureKind.CLIENT_ERROR
            assert JUDGE.strangers == []


@pytest.mark.parametrize("client", list(HttpClient))
def test_a_vu_goes_to_its_target_whatever_host_locust_was_told(tmp_path: Path, client: HttpClient) -> None:
    """A master, or whoever plays one, names a host in each of Locust's messages."""
    with ScriptedServer(redirecting(404, "/")).serving() as server:
        base_url = f"http://127.0.0.1:{server.port}"
        arguments = Arguments("smoke", 1.0, tmp_path, allow_live=False, people_seed=0, http_client=client)
        kinds = Kinds([IdentifyUser, TrackUser], [IdentifyUser, TrackUser])
        preparation = prepare(arguments, load_settings({}), base_url, kinds)
        environment = Environment(host="https://track.customer.io")
        environment.create_local_runner()
        host = LocustHost(environment, Namespace(json=False))
        vus = LocalVus("r1", preparation, preparation.new_store(), RunClock(), host)
        user_class = IdentifyUser.for_scenario(vus.scenarios[0])
        user_class.host = environment.host
        with JUDGE.listening():
            vu = user_class(environment)
            failure = vu._transport.send(CALL)
            vu._transport.close()
    assert failure is not None
    assert failure.kind is FailureKind.CLIENT_ERROR
    assert vu.host == vu.client.base_url == base_url
    assert JUDGE.heard
    assert JUDGE.strangers == []
