"""The private parts of Locust that the load test needs, each behind a name that says what for.

Nothing else in this project touches them. ``tests/unit/engine/test_locust_contract.py`` holds each against
the installed Locust, so that a new version that changes one fails there, in one sentence.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from argparse import Action, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

import gevent
import zmq
from flask import Response, jsonify, make_response, request
from locust import User, argument_parser
from locust.argument_parser import LocustArgumentParser
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.exception import RPCError, StopUser
from locust.rpc import Message, zmqrpc
from locust.runners import MasterRunner, Runner, WorkerNode, WorkerRunner
from locust.stats import StatsEntry
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING
from locust.web import WebUI

from config.shown import shown
from engine.ignored_messages import IgnoredMessages
from engine.locust_messages import is_from_master, is_from_worker

LOOPBACK = "127.0.0.1"

# The command line.


def give_option(parser: LocustArgumentParser, flag: str, **changes: Any) -> None:
    """Change an option that Locust has already added: its ``default``, ``metavar``, ``help`` or ``env_var``.

    Raises:
        LookupError: Locust has no such option.
    """
    action = options_of(parser).get(flag)
    if action is None:
        raise LookupError(f"Locust has no option {flag}")
    for name, value in changes.items():
        setattr(action, name, value)


def refuse_abbreviations(parser: LocustArgumentParser) -> None:
    """Accept options by their full names only: ``--allow-l`` must not mean ``--allow-live``."""
    parser.allow_abbrev = False


def report_mistakes(parser: LocustArgumentParser, report: Callable[[str], NoReturn]) -> None:
    """Let ``report`` end the program on a mistake, given argparse's message. Locust prints two lines."""
    parser.error = report  # type: ignore[method-assign] # on this parser alone


def options_of(parser: LocustArgumentParser) -> dict[str, Action]:
    """Return every option of a parser by its flags."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def loaded_user_classes() -> dict[str, type[User]]:
    """Return all user classes that locustfiles have loaded, by name. Locust's own are among them.

    Those that a run makes of them, one for each scenario, are not.
    """
    found: set[type[User]] = set()
    missing = [User]
    while missing:
        user_class = missing.pop()
        found.add(user_class)
        missing += [subclass for subclass in user_class.__subclasses__() if subclass not in found]
    return {
        user_class.__name__: user_class
        for user_class in found
        if not (user_class.abstract or "scenario" in vars(user_class))
    }


def own_options(parser: LocustArgumentParser) -> Namespace:
    """Return the options of this process's own command line. Call after all options have been added."""
    return cast("Namespace", parser.parse_args())


def bind_processes_to_loopback(parser: LocustArgumentParser) -> None:
    """Bind the master's port to loopback under ``--processes``: all its workers are on this machine.

    Call after all options have been added.
    """
    if own_options(parser).processes:
        give_option(parser, "--master-bind-host", default=LOOPBACK)


def remember_default_arguments() -> None:
    """Compute Locust's default arguments once, and reuse them.

    On every spawn message a worker computes them again for each option, with a new parser each time. That
    takes a quarter of a second, in which no VU runs.
    """
    remembered = argument_parser.default_args_dict()
    argument_parser.default_args_dict = lambda: remembered


def silence_tables(options: Namespace) -> None:
    """Leave out Locust's tables of statistics: one summary is enough."""
    options.only_summary = True
    logging.getLogger("locust.stats_logger").setLevel(logging.ERROR)


# Users.


class PoolDispatcher(UsersDispatcher):
    """Spawns every user class to its ``fixed_count``, which may grow, and spreads each over all workers.

    Locust's own dispatcher reads ``fixed_count`` at the first dispatch only. It also cycles through classes
    and workers in step: of two classes, each of two workers would get one.

    Args:
        worker_nodes: as for Locust's own dispatcher.
        user_classes: as for Locust's own dispatcher.
        admits: returns whether the worker with an id may be given users. A worker that joins during a run
            may be given users only after it knows their classes.
    """

    def __init__(
        self, worker_nodes: list[WorkerNode], user_classes: list[type[Any]], admits: Callable[[str], bool]
    ) -> None:
        super().__init__(worker_nodes, user_classes)
        self._admits = admits

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[Any]] | None = None
    ) -> None:
        self._try_dispatch_fixed = True
        if not self.get_current_user_count():
            # All at once: before the first VUs are up nothing is sent that spawning them could delay.
            spawn_rate = max(spawn_rate, target_user_count)
        super().new_dispatch(target_user_count, spawn_rate, user_classes)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Add a worker if it is admitted. One that is not must be added again later."""
        if self._admits(worker_node.id):
            super().add_worker(worker_node)

    def _user_gen(self) -> Iterator[str | None]:
        """Yield the class of each user to spawn: those missing of the first class, then of the second, ..."""
        while True:
            if not self._try_dispatch_fixed:
                yield None
                continue
            self._try_dispatch_fixed = False
            missing = [
                (
                    user_class.__name__,
                    user_class.fixed_count - self._get_user_current_count(user_class.__name__),
                )
                for user_class in self._user_classes
            ]
            for name, count in missing:
                yield from [name] * count


def pool_dispatcher(admits: Callable[[str], bool]) -> type[UsersDispatcher]:
    """Return the dispatcher class for Locust, with ``admits`` filled in. Locust does no more than call it."""
    return cast("type[UsersDispatcher]", functools.partial(PoolDispatcher, admits=admits))


def cut_off_users(runner: Runner, class_name: str | None = None) -> None:
    """Kill the users of one class, or of all, even within an iteration. Do not wait for their end."""
    for greenlet in list(runner.user_greenlets):
        user = greenlet.args[0] if greenlet.args else None
        if class_name is None or (user is not None and type(user).__name__ == class_name):
            greenlet.kill(block=False)


# A task that goes on from one iteration to the next keeps the state by which Locust stops users: a waiting
# one at once, a running one after its task. That saves what Locust's own loop does between two tasks (the
# choice of the next one, a wait by gevent's timers, a pass of the event loop): 3 us in all.


def begin_waiting(user: User) -> None:
    """Let Locust end this VU from here on, at once.

    Raises:
        StopUser: Locust has told it to stop meanwhile.
    """
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser
    user._state = LOCUST_STATE_WAITING


def end_waiting(user: User) -> None:
    """Let Locust leave this VU to finish what it begins now.

    Raises:
        StopUser: Locust has told it to stop meanwhile.
    """
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser
    user._state = LOCUST_STATE_RUNNING


# Statistics.


def other_listeners(environment: Environment, own: Callable[..., Any]) -> list[Any]:
    """Return who listens to the ``request`` event beside Locust's own statistics and ``own``."""
    return [
        listener
        for listener in request_listeners(environment)
        # Python names the listener by which a runner feeds its statistics after where it is defined.
        if listener != own and getattr(listener, "__qualname__", "") != "Runner.__init__.<locals>.on_request"
    ]


def request_listeners(environment: Environment) -> list[Any]:
    """Return everybody who listens to the ``request`` event, in order."""
    listeners: list[Any] = environment.events.request._handlers
    return listeners


def cache_response_times(entry: StatsEntry, second: int) -> None:
    """Let an entry of Locust's statistics keep what its percentiles over the last seconds need."""
    entry._cache_response_times(second)


# Master and workers.


def shorten_spawn_report_wait() -> None:
    """Shorten the time for which Locust's master waits for the workers' reports after each spawn.

    It waits in the greenlet that receives these reports, so none can arrive. With the default of one second
    every worker would look silent.
    """
    os.environ.setdefault("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0.05")


def deal_users_again(runner: MasterRunner, client_id: str) -> None:
    """Let Locust distribute its users again, now also to a worker that joined during the run."""
    dispatcher, node = runner._users_dispatcher, runner.clients.get(client_id)
    if dispatcher is not None and node is not None:
        dispatcher.add_worker(node)
        gevent.spawn(runner.start, runner.target_user_count, runner.spawn_rate)


def connected_workers(runner: MasterRunner) -> list[str]:
    """Return the ids of the workers that are connected to a master."""
    return list(runner.clients)


def worker_index(runner: MasterRunner, client_id: str) -> int:
    """Return a worker's index, which stays the same as long as its master runs."""
    index: int = runner.get_worker_index(client_id)
    return index


def let_in(runner: MasterRunner, client_id: str) -> None:
    """Let Locust know of a worker that connected before it was trusted. Do nothing if Locust knows it."""
    if client_id not in runner.clients:
        # -1 instead of its version: ours are compared when it says hello.
        runner.handle_message(client_id, Message("client_ready", -1, client_id))


def forget_worker(runner: MasterRunner, client_id: str) -> None:
    """Remove a refused worker from Locust's list of workers.

    Locust's master exits when its last worker quits, and a refused worker may be the only one in the list.
    """
    runner.clients.pop(client_id, None)


def guard_message_loop(trusts: Callable[[str], bool] = lambda _: True) -> IgnoredMessages:
    """Make Locust's message loops ignore malformed messages. Call before a runner is made.

    Locust itself uses a message without checking it. An empty body, random bytes, or a text where it expects
    a mapping ends the greenlet that receives messages, and the run with it.

    Args:
        trusts: returns whether the peer at the other end of a worker's connection, given the worker's id, has
            shown that it belongs to the cluster. Until then Locust does not know of it: ``let_in``.

    Returns:
        The counter of ignored messages.
    """
    ignored_messages = IgnoredMessages("the workers' port")

    class GuardedServer(zmqrpc.Server):
        def recv_from_client(self) -> tuple[str, Message]:
            while True:
                parts = _received(self.socket.recv_multipart)
                message = _decoded(parts[1]) if len(parts) == 2 else None
                sender = parts[0].decode("utf-8", "replace")
                # A worker may send messages in its own name only.
                if message is not None and message.node_id == sender and is_from_worker(message):
                    return sender, message
                ignored_messages.note("not a message of a worker")

    class GuardedClient(zmqrpc.Client):
        def recv(self) -> Message:
            while True:
                message = _decoded(_received(self.socket.recv))
                if message is not None and is_from_master(message):
                    return message
                ignored_messages.note("not a message of a master")

    # Locust looks its socket classes up by these names.
    vars(zmqrpc).update(Server=GuardedServer, Client=GuardedClient)
    _guard_handler(MasterRunner, ignored_messages, trusts)
    _guard_handler(WorkerRunner, ignored_messages, trusts)
    return ignored_messages


def _received(receive: Callable[[], Any]) -> Any:
    try:
        return receive()
    except zmq.ZMQError as error:
        # Locust's own receivers raise this error, and its loops handle it.
        raise RPCError("ZMQ network broken") from error


def _decoded(data: bytes) -> Message | None:
    try:
        message: Message = Message.unserialize(data)
    except Exception:  # noqa: BLE001 - on unknown bytes the decoder can raise any exception
        return None
    return message if isinstance(message.type, str) and isinstance(message.node_id, str) else None


# What a master sends a worker to connect, and to connect again.
_CONNECTING = ("ack", "reconnect")


def _guard_handler(
    runner_class: type[Runner], ignored_messages: IgnoredMessages, trusts: Callable[[str], bool]
) -> None:
    handle = runner_class.handle_message  # type: ignore[attr-defined] # both kinds of runner have it

    @functools.wraps(handle)
    def guarded(runner: Any, *given: Any) -> None:
        message: Message = given[-1]
        is_ours = message.type in runner.custom_messages
        is_known = message.node_id in getattr(runner, "clients", [message.node_id])
        if trusts(message.node_id):
            if is_ours and not is_known:
                ignored_messages.note("a message of the load test from a worker that is not connected")
                return
            take = functools.partial(handle, runner, *given)
        elif is_ours:
            # Its signature is looked at first. Locust would number the sender as one of its workers.
            listener, _ = runner.custom_messages[message.type]
            take = functools.partial(listener, environment=runner.environment, msg=message)
        elif message.type == "client_ready":
            # The worker waits for this before it says hello.
            take = functools.partial(runner.send_message, "ack", client_id=message.node_id)
        elif message.type in _CONNECTING:
            take = functools.partial(handle, runner, *given)
        else:
            # Not counted: a worker's first heartbeats come before its hello is answered.
            return
        try:
            take()
        except Exception as error:  # noqa: BLE001 - the loop must go on; the message is counted and named
            ignored_messages.note(f"{message.type}: {type(error).__name__}")

    runner_class.handle_message = guarded  # type: ignore[attr-defined]


# The web UI.

_MOST_FORM_BYTES = 100_000


def answer_start_requests(web_ui: WebUI, problem_with: Callable[[Mapping[str, str]], str | None]) -> None:
    """Refuse a start from the web UI that has a problem, before Locust acts on it; refuse changes of users.

    Locust lets its page set any attribute of a user class. A class here stands for a scenario of the profile.

    Args:
        web_ui: Locust's.
        problem_with: returns the problem with a form in one line, or ``None``.
    """
    if web_ui.app is None:
        return

    def refuse() -> Response | None:
        if request.method != "POST" or not request.path.endswith(("/swarm", "/user")):
            return None
        if request.path.endswith("/user"):
            message = "users cannot be changed here; expected their options in the profile"
            return make_response(jsonify({"success": False, "message": message}), 403)
        host = str(web_ui.environment.host or "")
        problem = _wrong_number(web_ui.environment.parsed_options, request.form) or problem_with(request.form)
        return jsonify({"success": False, "message": problem, "host": host}) if problem else None

    web_ui.app.config["MAX_CONTENT_LENGTH"] = _MOST_FORM_BYTES
    web_ui.app.before_request(refuse)


def _wrong_number(options: Namespace | None, form: Mapping[str, str]) -> str | None:
    """Return why Locust could not take a value of a form, or ``None``: it keeps the type of an option."""
    for name, text in form.items():
        value = getattr(options, name, None)
        # Locust takes a list without entries for one of numbers.
        is_numbers = isinstance(value, list) and all(isinstance(entry, int) for entry in value)
        try:
            if is_numbers:
                _ = [int(entry) for entry in text.split(",")]
            elif isinstance(value, int | float) and not isinstance(value, bool):
                _ = type(value)(text)
        except (ValueError, OverflowError):
            return f"{name}: expected a number, got {shown(text)}"
    return None


def add_live_tables(
    web_ui: WebUI,
    tabs: Sequence[dict[str, Any]],
    tables: Sequence[dict[str, Any]],
    rows: Callable[[], list[dict[str, Any]]],
    state: Callable[[str], str],
) -> None:
    """Add tabs to Locust's page, each with a table that the page refreshes every two seconds.

    Args:
        web_ui: Locust's.
        tabs: title and key of each tab.
        tables: key and columns of each table.
        rows: returns the current rows of all tables.
        state: returns the state to show for the runner's state. The page refreshes only while a run is going.
    """
    if web_ui.app is None:
        return
    web_ui.template_args["extended_tabs"] = list(tabs)
    web_ui.template_args["extended_tables"] = list(tables)

    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            body = {**response.get_json(), "extended_stats": rows()}
            body["state"] = state(body["state"])
            response.set_data(json.dumps(body))
        return response

    web_ui.app.after_request(add_rows)


def offer_profiles(web_ui: WebUI, names: Sequence[str]) -> None:
    """Let the form's field *Profile* offer these names. Others can still be typed."""
    web_ui.template_args["all_profiles"] = list(names)


def add_to_page(web_ui: WebUI, markup: str) -> None:
    """Add markup to the end of Locust's page."""
    if web_ui.app is None:
        return

    def add(response: Response) -> Response:
        if response.mimetype == "text/html" and request.endpoint == "locust.index":
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{markup}</body>"))
        return response

    web_ui.app.after_request(add)


def add_page_log(line: str) -> None:
    """Show a line in the tab *Logs* of Locust's page, as if it had been logged."""
    for handler in logging.getLogger().handlers:
        if handler.name == "log_reader":
            handler.handle(logging.LogRecord("load-test", logging.INFO, "", 0, "%s", (line,), None))
