"""What the load test takes for granted of Locust's private parts, held against the installed Locust.

Each test fails, in one sentence, when a new Locust changes what ``engine/locust_internals/`` uses.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import gevent
import msgpack  # type: ignore[import-untyped] # no types are published
import pytest
from gevent import Greenlet
from locust import User, argument_parser, task
from locust.argument_parser import LocustArgumentParser, get_empty_argument_parser, setup_parser_arguments
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.log import get_logs, setup_logging
from locust.rpc import Message, zmqrpc
from locust.runners import MasterRunner, WorkerNode, WorkerRunner
from locust.stats import RequestStats, StatsEntry

from engine.locust_internals import message_loop
from engine.locust_internals.command_line import (
    LOOPBACK,
    bind_processes_to_loopback,
    give_option,
    refuse_abbreviations,
    remember_default_arguments,
)
from engine.locust_internals.statistics import cache_response_times, other_listeners, request_listeners
from engine.locust_internals.users import begin_waiting, cut_off_users, end_waiting, pool_dispatcher
from engine.locust_internals.web_ui import (
    add_live_tables,
    add_page_log,
    add_to_page,
    answer_start_requests,
    offer_profiles,
)
from engine.locust_internals.workers import (
    connected_workers,
    deal_users_again,
    forget_worker,
    let_in,
    shorten_spawn_report_wait,
    worker_index,
)


class Ada(User):
    fixed_count = 3

    @task
    def wait_forever(self) -> None:
        gevent.sleep(3600)


class Bob(User):
    fixed_count = 2

    @task
    def wait_forever(self) -> None:
        gevent.sleep(3600)


@pytest.fixture
def parser() -> LocustArgumentParser:
    parser: LocustArgumentParser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    return parser


def spawned(dispatcher: UsersDispatcher, count: int) -> dict[str, dict[str, int]]:
    dispatcher.new_dispatch(count, 100.0)
    last: dict[str, dict[str, int]] = {}
    for users in dispatcher:
        last = users
    return last


def test_an_option_can_be_given_another_default(parser: LocustArgumentParser) -> None:
    give_option(parser, "--web-host", default=LOOPBACK)
    assert parser.parse_args([]).web_host == LOOPBACK, "Locust's options are no longer argparse actions"


def test_an_option_that_locust_does_not_have_is_named(parser: LocustArgumentParser) -> None:
    with pytest.raises(LookupError, match="Locust has no option --no-such"):
        give_option(parser, "--no-such", default=1)


@pytest.mark.parametrize("flag", ["--profile", "--web-host", "--processes", "--master-bind-host"])
def test_locust_has_every_option_that_is_changed(parser: LocustArgumentParser, flag: str) -> None:
    give_option(parser, flag, help="changed")


def test_no_option_can_be_abbreviated(
    parser: LocustArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_abbreviations(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--headle"])
    assert "unrecognized arguments: --headle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "host"),
    [
        (["--processes", "2"], LOOPBACK),
        (["--processes", "2", "--master-bind-host", "10.0.0.1"], "10.0.0.1"),
        (["--master"], "*"),
    ],
)
def test_processes_bind_their_master_to_loopback(
    parser: LocustArgumentParser, monkeypatch: pytest.MonkeyPatch, arguments: list[str], host: str
) -> None:
    monkeypatch.setattr("sys.argv", ["locust", *arguments])
    bind_processes_to_loopback(parser)
    assert parser.parse_args(arguments).master_bind_host == host


def test_the_dispatcher_gives_every_worker_users_of_every_class() -> None:
    nodes = [WorkerNode("a_1"), WorkerNode("b_1")]
    users = spawned(pool_dispatcher(lambda _: True)(nodes, [Ada, Bob]), 5)
    assert {name: sum(counts.values()) for name, counts in users.items()} == {"a_1": 3, "b_1": 2}
    assert all(counts["Ada"] and counts["Bob"] for counts in users.values()), "a worker got one class only"


def test_the_dispatcher_looks_at_a_grown_fixed_count_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = pool_dispatcher(lambda _: True)([WorkerNode("a_1")], [Ada, Bob])
    assert spawned(dispatcher, 5) == {"a_1": {"Ada": 3, "Bob": 2}}
    monkeypatch.setattr(Ada, "fixed_count", 6)
    assert spawned(dispatcher, 8) == {"a_1": {"Ada": 6, "Bob": 2}}


def test_the_dispatcher_spawns_the_first_users_at_once_and_later_ones_at_the_spawn_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher = pool_dispatcher(lambda _: True)([WorkerNode("a_1")], [Ada, Bob])
    monkeypatch.setattr(Ada, "fixed_count", 250)
    dispatcher.new_dispatch(252, 100.0)
    assert next(dispatcher) == {"a_1": {"Ada": 250, "Bob": 2}}
    monkeypatch.setattr(Ada, "fixed_count", 450)
    dispatcher.new_dispatch(452, 100.0)
    assert next(dispatcher) == {"a_1": {"Ada": 350, "Bob": 2}}


def test_the_dispatcher_holds_back_a_worker_that_is_not_admitted() -> None:
    admitted: set[str] = set()
    dispatcher = pool_dispatcher(admitted.__contains__)([WorkerNode("a_1")], [Ada, Bob])
    late = WorkerNode("b_1")
    dispatcher.add_worker(late)
    assert set(spawned(dispatcher, 5)) == {"a_1"}
    admitted.add("b_1")
    dispatcher.add_worker(late)
    assert set(spawned(dispatcher, 5)) == {"a_1", "b_1"}


def test_users_of_one_class_can_be_cut_off() -> None:
    environment = Environment(user_classes=[Ada, Bob])
    runner = environment.create_local_runner()
    runner.spawn_users({"Ada": 2, "Bob": 1})
    cut_off_users(runner, "Ada")
    gevent.sleep(0.05)
    assert runner.user_classes_count == {"Ada": 0, "Bob": 1}, "a user's greenlet no longer carries its user"
    cut_off_users(runner)
    gevent.sleep(0.05)
    assert runner.user_count == 0
    runner.quit()


def test_a_waiting_user_is_ended_at_once_and_a_running_one_after_its_iteration() -> None:
    events: list[str] = []

    class Cia(User):
        @task
        def iterate(self) -> None:
            begin_waiting(self)
            gevent.sleep(0.01)
            end_waiting(self)
            events.append("begun")
            gevent.sleep(0.2)
            events.append("ended")
            begin_waiting(self)
            events.append("waits")
            gevent.sleep(3600)

    environment = Environment(user_classes=[Cia])
    environment.stop_timeout = 10
    runner = environment.create_local_runner()
    (user,) = runner.spawn_users({"Cia": 1})
    while events != ["begun"]:
        gevent.sleep(0.01)
    with gevent.Timeout(5):
        runner.stop_users({"Cia": 1})
    assert events == ["begun", "ended"], "a running user is no longer left to finish"
    (user,) = runner.spawn_users({"Cia": 1})
    while events[-1] != "waits":
        gevent.sleep(0.01)
    with gevent.Timeout(5):
        runner.stop_users({"Cia": 1})
    assert user.greenlet.dead, "a waiting user is no longer ended at once"
    runner.quit()


def test_a_listener_of_the_request_event_is_told_from_locusts_own() -> None:
    environment = Environment(user_classes=[Ada])
    environment.create_local_runner()

    def ours(**_: object) -> None: ...
    def theirs(**_: object) -> None: ...

    environment.events.request.add_listener(ours)
    assert other_listeners(environment, ours) == [], "Locust's own listener has another name"
    environment.events.request.add_listener(theirs)
    assert other_listeners(environment, ours) == [theirs]
    assert request_listeners(environment)[-2:] == [ours, theirs]


def test_an_entry_keeps_its_response_times_for_current_percentiles() -> None:
    entry = StatsEntry(RequestStats(), "x", "GET", use_response_times_cache=True)
    entry.log(12, 0)
    cache_response_times(entry, 7)
    assert entry.response_times_cache is not None
    assert 7 in entry.response_times_cache


def test_default_arguments_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argument_parser, "default_args_dict", argument_parser.default_args_dict)
    remember_default_arguments()
    assert argument_parser.default_args_dict() is argument_parser.default_args_dict()
    assert "num_users" in argument_parser.default_args_dict()


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> MasterRunner:
    monkeypatch.delenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", raising=False)
    environment = Environment(user_classes=[Ada, Bob])
    return environment.create_master_runner("127.0.0.1", 0)


def test_the_master_does_not_wait_for_reports_after_a_spawn(master: MasterRunner) -> None:
    shorten_spawn_report_wait()
    assert master._wait_for_workers_report_after_ramp_up() == 0.05, "the variable has another name or meaning"
    master.quit()


def test_workers_are_listed_numbered_and_forgotten(master: MasterRunner) -> None:
    for name in ("a_1", "b_1"):
        master.clients[name] = WorkerNode(name)
    assert connected_workers(master) == ["a_1", "b_1"]
    assert [worker_index(master, name) for name in ("b_1", "a_1", "b_1")] == [0, 1, 0]
    forget_worker(master, "a_1")
    forget_worker(master, "a_1")
    assert connected_workers(master) == ["b_1"]
    master.quit()


def test_users_are_dealt_out_again_when_a_worker_joins(master: MasterRunner) -> None:
    started: list[tuple[object, ...]] = []
    master.clients["a_1"], master.clients["b_1"] = WorkerNode("a_1"), WorkerNode("b_1")
    master._users_dispatcher = pool_dispatcher(lambda _: True)([master.clients["a_1"]], [Ada, Bob])
    spawned(master._users_dispatcher, 5)
    master.start = lambda *given: started.append(given)  # type: ignore[method-assign]
    deal_users_again(master, "b_1")
    gevent.sleep(0)
    assert len(started) == 1, "the runner's dispatcher is no longer where it was"
    assert set(spawned(master._users_dispatcher, 5)) == {"a_1", "b_1"}
    master.quit()


def test_the_page_can_be_refused_a_start_and_given_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["locust"])
    environment = Environment(user_classes=[Ada])
    environment.create_local_runner()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    answer_start_requests(web_ui, lambda form: f"no start with {form['profile']}")
    rows = [{"key": "k", "data": [{"name": "x"}]}]
    add_live_tables(web_ui, [{"title": "T", "key": "k"}], [{"key": "k"}], lambda: rows, str.upper)
    assert web_ui.app is not None
    client = web_ui.app.test_client()
    refused = client.post("/swarm", data={"profile": "spike"}).get_json()
    assert refused["success"] is False
    assert refused["message"] == "no start with spike"
    figures = client.get("/stats/requests").get_json()
    assert figures["extended_stats"] == rows
    assert figures["state"] == "READY", "what the page asks for has no state any more"
    assert '"title": "T"' in client.get("/").get_data(as_text=True)


def test_the_page_cannot_change_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locust's own page sets any attribute of a user class, and has its workers do the same."""
    monkeypatch.setattr("sys.argv", ["locust"])
    monkeypatch.setattr(Ada, "host", "http://127.0.0.1:1", raising=False)
    change = {"user_class_name": "Ada", "host": "http://127.0.0.1:2"}
    environment = Environment(
        user_classes=[Ada],
        available_user_classes={"Ada": Ada},  # type: ignore[dict-item] # Locust means classes
        available_user_tasks={"Ada": Ada.tasks},
    )
    environment.create_local_runner()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    assert web_ui.app is not None
    client = web_ui.app.test_client()
    assert client.post("/user", json=change).status_code == 201, "Locust changes users in another place now"
    assert Ada.host == "http://127.0.0.1:2"
    change["host"] = "http://127.0.0.1:3"
    guarded = Environment(user_classes=[Ada])
    guarded.create_local_runner()
    web_ui = guarded.create_web_ui("127.0.0.1", 0, delayed_start=True)
    answer_start_requests(web_ui, lambda form: None)
    assert web_ui.app is not None
    refused = web_ui.app.test_client().post("/user", json=change)
    assert refused.status_code == 403
    assert refused.get_json()["message"].startswith("users cannot be changed here")
    assert Ada.host == "http://127.0.0.1:2"


def test_a_form_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["locust"])
    environment = Environment(user_classes=[Ada])
    environment.create_local_runner()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    answer_start_requests(web_ui, lambda form: "refused")
    assert web_ui.app is not None
    client = web_ui.app.test_client()
    assert client.post("/swarm", data={"profile": "a" * 10_000}).get_json()["message"] == "refused"
    assert client.post("/swarm", data={"profile": "a" * 1_000_000}).status_code == 413


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"stop_timeout": "x"}, "stop_timeout: expected a number, got 'x'"),
        ({"expect_workers": "1.5"}, "expect_workers: expected a number, got '1.5'"),
        ({"some": "python=os:system"}, "some: expected a number, got 'python=os:system'"),
        ({"expect_workers": "2", "some": "1,2", "flag": "maybe", "text": "x", "none": "x"}, "no more"),
    ],
)
def test_a_number_that_is_none_is_refused_before_locust_takes_it(
    monkeypatch: pytest.MonkeyPatch, form: dict[str, str], said: str
) -> None:
    monkeypatch.setattr("sys.argv", ["locust"])
    environment = Environment(user_classes=[Ada])
    environment.create_local_runner()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    environment.parsed_options = Namespace(
        stop_timeout=1.5, expect_workers=1, some=[], flag=True, text="", none=None
    )
    answer_start_requests(web_ui, lambda form: "no more")
    assert web_ui.app is not None
    answer = web_ui.app.test_client().post("/swarm", data=form)
    assert answer.get_json()["message"] == said
    assert environment.parsed_options.expect_workers == 1


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put Locust's own sockets and handlers back after the test."""
    for name in ("Server", "Client"):
        monkeypatch.setattr(zmqrpc, name, getattr(zmqrpc, name))
    for runner_class in (MasterRunner, WorkerRunner):
        monkeypatch.setattr(runner_class, "handle_message", runner_class.handle_message)


@pytest.mark.usefixtures("unguarded")
def test_locust_does_not_know_of_a_peer_until_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted: set[str] = set()
    message_loop.guard_message_loop(trusted.__contains__)
    environment = Environment(user_classes=[Ada])
    runner = environment.create_master_runner("127.0.0.1", 0)
    sent: list[tuple[str, object]] = []
    monkeypatch.setattr(
        runner, "send_message", lambda kind, data=None, client_id=None: sent.append((kind, client_id))
    )
    heard: list[str] = []
    runner.register_message("ours", lambda msg, **_: heard.append(msg.node_id))
    ready = Message("client_ready", -1, "w_1")
    messages = [
        Message("exception", {"msg": "m", "traceback": "t"}, "w_1"),
        Message("logs", {"worker_id": "w_1", "logs": ["line"]}, "w_1"),
        Message("heartbeat", {"state": "running", "current_cpu_usage": 99.0}, "w_1"),
        Message("quit", None, "w_1"),
    ]
    for message in (ready, *messages):
        runner.handle_message("w_1", message)
    runner.handle_message("w_1", Message("ours", None, "w_1"))
    assert heard == ["w_1"]
    assert worker_index(runner, "another") == 0, "it is numbered as a worker"
    assert sent == [("ack", "w_1")], "a worker is not told that it is connected, or is told more"
    assert connected_workers(runner) == []
    assert (runner.exceptions, environment.worker_logs) == ({}, {})
    trusted.add("w_1")
    let_in(runner, "w_1")
    let_in(runner, "w_1")
    assert connected_workers(runner) == ["w_1"]
    assert runner.clients["w_1"].state == "ready"
    for message in messages:
        runner.handle_message("w_1", message)
    assert connected_workers(runner) == [], "Locust's own messages no longer come through handle_message"
    assert list(environment.worker_logs) == ["w_1"]
    assert len(runner.exceptions) == 1
    runner.quit()


def test_locust_makes_its_sockets_by_the_names_that_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And both kinds of runner take their messages in ``handle_message``."""
    for name in ("Server", "Client"):
        monkeypatch.setattr(zmqrpc, name, getattr(zmqrpc, name))
    for runner_class in (MasterRunner, WorkerRunner):
        monkeypatch.setattr(runner_class, "handle_message", runner_class.handle_message)
    ignored_messages = message_loop.guard_message_loop()
    environment = Environment(user_classes=[Ada])
    runner = environment.create_master_runner("127.0.0.1", 0)
    client = zmqrpc.Client("127.0.0.1", runner.server.port, "w_1")
    for data in (
        b"",
        b"\xc1",
        msgpack.dumps(["heartbeat", 7, "w_1"]),
        msgpack.dumps(["quit", None, "other"]),
    ):
        client.socket.send(data)
    client.send(Message("client_ready", -1, "w_1"))
    waiting = Greenlet.spawn(client.recv)
    assert waiting.get(timeout=5).type == "ack", "the master's loop did not survive"
    assert ignored_messages.count == 4
    assert connected_workers(runner) == ["w_1"]
    runner.quit()


def test_markup_reaches_the_page_and_profiles_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["locust"])
    environment = Environment(user_classes=[Ada])
    environment.create_local_runner()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
    offer_profiles(web_ui, ["smoke", "spike"])
    add_to_page(web_ui, "<script src='./own.js'></script>")
    assert web_ui.app is not None
    page = web_ui.app.test_client().get("/").get_data(as_text=True)
    assert page.count("<script src='./own.js'></script></body>") == 1
    assert '"all_profiles": ["smoke", "spike"]' in page
    bundles = list(Path(str(web_ui.app.template_folder)).glob("assets/*.js"))
    assert any("allProfiles" in bundle.read_text(encoding="utf-8") for bundle in bundles)


def test_a_line_reaches_the_tab_of_logs() -> None:
    setup_logging("WARNING", None)
    add_page_log("Plan for nobody")
    assert any("Plan for nobody" in line for line in get_logs())
