"""Every place that opens a connection is known: a new one must ask the guard first, and be entered here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cleanup", "config", "engine", "metrics", "pipeline", "report", "run", "shapes", "standin", "users")

# What opens connections or looks names up, by the last part of its name.
OPENERS = {
    "AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer", "ClientSession", "FTP", "HTTPConnection",
    "HTTPSConnection", "HttpSession", "PoolManager", "ProxyManager", "Redis", "SMTP",
    "TCPConnector", "connect", "connect_ex", "create_connection", "create_datagram_endpoint", "from_url",
    "getaddrinfo", "gethostbyname", "open_connection", "sendto", "urlopen", "urlretrieve",
}  # fmt: skip
# Calls of these modules' own functions, such as requests.get.
MODULES = {"requests": {"Session", "delete", "get", "head", "options", "patch", "post", "put", "request"}}
# Modules whose import alone gives a way out.
LIBRARIES = {
    "aiohttp", "aiokafka", "ftplib", "gevent.socket", "http.client", "httpx", "redis", "requests", "smtplib",
    "socket", "telnetlib", "urllib.request", "urllib3", "xmlrpc.client", "zmq",
}  # fmt: skip

# Who asks the guard before these connect is said beside each.
CALLS = {
    # The session that asks it itself, for outputs and pages.
    "config/guarded_session.py": {"Session"},
    # Not a connection: the web UI's own port is tried.
    "engine/options.py": {"getaddrinfo"},
    # TrackClient asks before it makes its connections.
    "pipeline/client/connections.py": {"ClientSession", "TCPConnector"},
    # Brokers and Redis are the user's own servers.
    "pipeline/dlq/dead_letter_topic.py": {"AIOKafkaAdminClient", "AIOKafkaConsumer"},
    "pipeline/dlq/handling.py": {"AIOKafkaProducer"},
    "pipeline/limiter/redis_link.py": {"from_url"},
    "pipeline/produce/producer.py": {"AIOKafkaProducer"},
    "pipeline/produce/topic_creation.py": {"AIOKafkaAdminClient"},
    "pipeline/rehearse/group_lag.py": {"AIOKafkaConsumer"},
    "pipeline/rehearse/rehearsal.py": {"AIOKafkaAdminClient"},
    # The pages of its own workers, on 127.0.0.1.
    "pipeline/rehearse/worker_pool.py": {"ClientSession"},
    "pipeline/worker/kafka_dead_letters.py": {"AIOKafkaProducer"},
    "pipeline/worker/run.py": {"AIOKafkaConsumer"},
    # A stand-in that the caller has started.
    "standin/control_client.py": {"Session"},
    # Not a connection: the stand-in's own port is opened.
    "standin/server.py": {"getaddrinfo"},
    # Site.of asks before there is an endpoint.
    "users/http/connection.py": {"connect"},
    # The session is guarded by RequestsTransport.
    "users/http/factory.py": {"HttpSession"},
}
IMPORTS = {
    "cleanup/app_api.py": {"requests"},
    "config/guarded_session.py": {"http.client", "requests", "socket", "urllib3"},
    "engine/locust_internals/message_loop.py": {"zmq"},
    "engine/options.py": {"socket"},
    "engine/worker.py": {"socket"},
    "metrics/influxdb_output.py": {"requests"},
    "metrics/otel_output.py": {"requests"},
    "pipeline/client/connections.py": {"aiohttp"},
    "pipeline/dlq/dead_letter_topic.py": {"aiokafka"},
    "pipeline/dlq/handling.py": {"aiokafka"},
    "pipeline/dlq/on_topic.py": {"aiokafka"},
    "pipeline/limiter/redis_link.py": {"redis"},
    "pipeline/monitoring/health.py": {"aiohttp"},
    "pipeline/produce/command.py": {"aiokafka"},
    "pipeline/produce/producer.py": {"aiokafka"},
    "pipeline/produce/relay.py": {"aiokafka"},
    "pipeline/produce/topic_creation.py": {"aiokafka"},
    "pipeline/rehearse/command.py": {"aiokafka"},
    "pipeline/rehearse/group_lag.py": {"aiokafka"},
    "pipeline/rehearse/load.py": {"aiokafka"},
    "pipeline/rehearse/rehearsal.py": {"aiokafka"},
    "pipeline/rehearse/worker_pool.py": {"aiohttp", "socket"},
    "pipeline/worker/kafka_dead_letters.py": {"aiokafka"},
    "pipeline/worker/kafka_worker.py": {"aiokafka"},
    "pipeline/worker/lag.py": {"aiokafka"},
    "pipeline/worker/run.py": {"aiokafka"},
    "pipeline/worker/topic.py": {"aiokafka"},
    "run/queue_watch.py": {"requests"},
    "run/queued/acceptances.py": {"requests"},
    "run/region.py": {"requests"},
    "standin/connection.py": {"socket"},
    "standin/control_client.py": {"requests"},
    "standin/server.py": {"socket"},
    "users/http/addresses.py": {"gevent.socket", "socket"},
    "users/http/connection.py": {"gevent.socket", "socket"},
    "users/http/transport.py": {"requests"},
    "users/transport.py": {"requests"},
}


def openers_in(source: str) -> set[str]:
    """Return the calls in a module that open connections, by the last part of the name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in OPENERS:
            found.add(called.id)
        elif isinstance(called, ast.Attribute):
            owner = called.value.id if isinstance(called.value, ast.Name) else ""
            if called.attr in OPENERS or called.attr in MODULES.get(owner, ()):
                found.add(called.attr)
    return found


def libraries_in(source: str) -> set[str]:
    """Return the libraries that a module imports and could connect with."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {library for library in LIBRARIES for name in names if f"{name}.".startswith(f"{library}.")}


def sources() -> dict[str, str]:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [ROOT / "locustfile.py"]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def test_every_place_that_opens_a_connection_is_in_the_list() -> None:
    found = {name: openers_in(text) for name, text in sources().items()}
    assert {name: calls for name, calls in found.items() if calls} == CALLS


def test_every_module_that_could_open_one_is_in_the_list() -> None:
    found = {name: libraries_in(text) for name, text in sources().items()}
    assert {name: libraries for name, libraries in found.items() if libraries} == IMPORTS


@pytest.mark.parametrize(
    "line",
    [
        "requests.get(url)",
        "requests.Session()",
        "urllib.request.urlopen(url)",
        "urlopen(url)",
        "sock.connect(address)",
        "socket.create_connection(address)",
        "aiohttp.ClientSession()",
        "await asyncio.open_connection(host, port)",
        "http.client.HTTPSConnection(host)",
        "Redis.from_url(url)",
    ],
)
def test_a_new_place_would_be_found(line: str) -> None:
    assert openers_in(f"async def f():\n    {line}\n")


def test_a_guard_is_asked_where_targets_pages_and_outputs_are_named() -> None:
    asks = {name for name, text in sources().items() if "check_connection(" in text}
    assert {
        "config/guarded_session.py",
        "metrics/influxdb_output.py",
        "run/queue_watch.py",
        "run/target.py",
        "users/http/client.py",
        "users/http/factory.py",
    } <= asks


def test_sessions_of_outputs_and_pages_are_guarded_ones() -> None:
    names = ("metrics/influxdb_output.py", "run/queue_watch.py", "run/queued/acceptances.py", "run/region.py")
    for name in names:
        text = sources()[name]
        assert "plain_session(" in text
        assert text.count("allow_redirects=False") == text.count("session.post(") + text.count("session.get(")
