"""The private parts of Locust that the load test needs, each behind a name that says what for.

Nothing else in this project touches them. ``tests/unit/engine/test_locust_contract.py`` holds each against
the installed Locust, so that a new version that changes one fails there, in one sentence.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import gevent
import zmq
from flask import Response, jsonify, request
from locust import argument_parser
from locust.argument_parser import LocustArgumentParser
from locust.dispatch import UsersDispatcher
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from locust.runners import MasterRunner, Runner, WorkerNode, WorkerRunner
from locust.web import WebUI

from engine.ignored_messages import IgnoredMessages
from engine.locust_messages import is_from_master, is_from_worker

LOOPBACK = "127.0.0.1"

# The command line.


def give_option(parser: LocustArgumentParser, flag: str, **changes: Any) -> None:
    """Change an option that Locust has already added: its ``default``, ``metavar``, ``help`` or ``env_var``.

    Raises:
        LookupError: Locust has no such option.
    """
    action = _option(parser, flag)
    for name, value in changes.items():
        setattr(action, name, value)


def refuse_abbreviations(parser: LocustArgumentParser) -> None:
    """Take options by their whole names only: ``--allow-l`` must not mean ``--allow-live``."""
    parser.allow_abbrev = False


def bind_processes_to_loopback(parser: LocustArgumentParser) -> None:
    """Let ``--processes`` keep the master's port to this machine, where all its workers are.

    Looks at this process's own command line. Call when all options are known.
    """
    options, _ = parser.parse_known_args()
    if options.processes:
        give_option(parser, "--master-bind-host", default=LOOPBACK)


def _option(parser: ArgumentParser, flag: str) -> Action:
    for action in parser._actions:
        if flag in action.option_strings:
            return action
    raise LookupError(f"Locust has no option {flag}")


def remember_default_arguments() -> None:
    """Let Locust make its default arguments once.

    On every spawn message a worker makes them anew for each option, a whole parser each time: a quarter of
    a second in which no VU moves.
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

    Locust's own looks at ``fixed_count`` at the first dispatch only. And it takes classes in turn as it
    takes workers in turn: of two classes on two workers each worker would get one.

    Args:
        worker_nodes: Locust's, as its own dispatcher takes them.
        user_classes: likewise.
        admits: whether a worker, by its id, may be given users. One that joins a run gets them when it
            knows their classes, and not before.
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
        super().new_dispatch(target_user_count, spawn_rate, user_classes)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Take in a worker; one that is not admitted yet is to be added again later."""
        if self._admits(worker_node.id):
            super().add_worker(worker_node)

    def _user_gen(self) -> Iterator[str | None]:
        """The class of each further user: what the first class misses, then the second, and so on."""
        while True:
            if not self._try_dispatch_fixed:
                yield None
                continue
            self._try_dispatch_fixed = False
            missing = [
                (name, user_class.fixed_count - self._get_user_current_count(name))
                for name, user_class in ((found.__name__, found) for found in self._user_classes)
            ]
            for name, count in missing:
                yield from [name] * count


def pool_dispatcher(admits: Callable[[str], bool]) -> type[UsersDispatcher]:
    """Return what Locust makes its dispatcher with: it only ever calls the class."""
    return cast("type[UsersDispatcher]", functools.partial(PoolDispatcher, admits=admits))


def cut_off_users(runner: Runner, class_name: str | None = None) -> None:
    """End the users of one class, or all, wherever they are in their iterations; does not wait for it."""
    for greenlet in list(runner.user_greenlets):
        user = greenlet.args[0] if greenlet.args else None
        if class_name is None or (user is not None and type(user).__name__ == class_name):
            greenlet.kill(block=False)


# Master and workers.


def shorten_spawn_report_wait() -> None:
    """Keep Locust's master from waiting after each spawn, in vain, for the workers' reports.

    It waits in the greenlet that receives them. By its default of one second every worker looks silent.
    """
    os.environ.setdefault("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0.05")


def deal_users_again(runner: MasterRunner, client_id: str) -> None:
    """Let Locust distribute its users again, over a worker that came during a run too."""
    dispatcher, node = runner._users_dispatcher, runner.clients.get(client_id)
    if dispatcher is not None and node is not None:
        dispatcher.add_worker(node)
        gevent.spawn(runner.start, runner.target_user_count, runner.spawn_rate)


def connected_workers(runner: MasterRunner) -> list[str]:
    """Return the ids of the workers that are connected to a master."""
    return list(runner.clients)


def worker_index(runner: MasterRunner, client_id: str) -> int:
    """Return a worker's number, which never changes while its master lives."""
    index: int = runner.get_worker_index(client_id)
    return index


def forget_worker(runner: MasterRunner, client_id: str) -> None:
    """Let Locust not know a worker that was refused.

    Locust's master ends itself when its last worker quits, which a refused one, if it came first, would be.
    """
    runner.clients.pop(client_id, None)


def guard_message_loop() -> IgnoredMessages:
    """Let Locust's message loops survive whatever arrives at their port. Call before a runner is made.

    By itself Locust unpacks every message and reaches into it: an empty body, random bytes or a text
    where a mapping should be ends the greenlet that receives messages, and with it the run.

    Returns:
        What counts the messages that were ignored.
    """
    ignored_messages = IgnoredMessages("the workers' port")

    class GuardedServer(zmqrpc.Server):
        def recv_from_client(self) -> tuple[str, Message]:
            while True:
                parts = _received(self.socket.recv_multipart)
                message = _decoded(parts[1]) if len(parts) == 2 else None
                sender = parts[0].decode("utf-8", "replace")
                # A peer may speak for itself only.
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

    # Locust makes its sockets by these names.
    vars(zmqrpc).update(Server=GuardedServer, Client=GuardedClient)
    _guard_handler(MasterRunner, ignored_messages)
    _guard_handler(WorkerRunner, ignored_messages)
    return ignored_messages


def _received(receive: Callable[[], Any]) -> Any:
    try:
        return receive()
    except zmq.ZMQError as error:
        # What Locust's own receivers raise, and its loops handle.
        raise RPCError("ZMQ network broken") from error


def _decoded(data: bytes) -> Message | None:
    try:
        message: Message = Message.unserialize(data)
    except Exception:  # noqa: BLE001 - a stranger's bytes may make the decoder raise anything
        return None
    return message if isinstance(message.type, str) and isinstance(message.node_id, str) else None


def _guard_handler(runner_class: type[Runner], ignored_messages: IgnoredMessages) -> None:
    handle = runner_class.handle_message  # type: ignore[attr-defined] # both kinds of runner have it

    @functools.wraps(handle)
    def guarded(runner: Any, *given: Any) -> None:
        message: Message = given[-1]
        is_known = message.node_id in getattr(runner, "clients", [message.node_id])
        if not is_known and message.type in runner.custom_messages:
            ignored_messages.note("a message of the load test from a worker that is not connected")
            return
        try:
            handle(runner, *given)
        except Exception as error:  # noqa: BLE001 - the loop must go on; the message is counted and named
            ignored_messages.note(f"{message.type}: {type(error).__name__}")

    runner_class.handle_message = guarded  # type: ignore[attr-defined]


# The web UI.


def answer_start_requests(web_ui: WebUI, problem_with: Callable[[Mapping[str, str]], str | None]) -> None:
    """Let a start from the page be refused before Locust acts on it.

    Args:
        web_ui: Locust's.
        problem_with: given the form, what is wrong with it in one line, or ``None``.
    """
    if web_ui.app is None:
        return

    def refuse() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        host = str(web_ui.environment.host or "")
        problem = problem_with(request.form)
        return jsonify({"success": False, "message": problem, "host": host}) if problem else None

    web_ui.app.before_request(refuse)


def add_live_tables(
    web_ui: WebUI,
    tabs: Sequence[dict[str, Any]],
    tables: Sequence[dict[str, Any]],
    rows: Callable[[], list[dict[str, Any]]],
    state: Callable[[str], str],
) -> None:
    """Add tabs with a table each to Locust's page, filled by what it asks for every two seconds.

    Args:
        web_ui: Locust's.
        tabs: title and key of each.
        tables: key and columns of each.
        rows: the tables' rows as of now.
        state: given the runner's state, the one to show: the page asks only while a run is going.
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
