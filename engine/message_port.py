"""Typed messages over the connection between Locust's master and its workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from engine.cluster.messages import Challenge, Wire
from engine.cluster.seal import MessageError, OtherSessionError, Seal, Side
from engine.ignored_messages import IgnoredMessages

AnyMessage = TypeVar("AnyMessage", bound=Wire)


class MessagePort:
    """Sends and receives the load test's own messages.

    A message that does not decode, or that its receiver finds impossible, is counted and ignored. Only the
    first one is logged.

    Args:
        runner: Locust's, of a master or of a worker.
        ignored_messages: the counter of ignored messages.
        seal: signs and checks the messages if there is a key.
    """

    def __init__(
        self, runner: MasterRunner | WorkerRunner, ignored_messages: IgnoredMessages, seal: Seal
    ) -> None:
        self._runner = runner
        self._ignored_messages = ignored_messages
        self._seal = seal
        is_master = isinstance(runner, MasterRunner)
        self._own_id = "" if isinstance(runner, MasterRunner) else runner.client_id
        self._own_side: Side = "master" if is_master else "worker"
        self._other_side: Side = "worker" if is_master else "master"
        if is_master:
            seal.begin_session()
        else:
            runner.register_message(Challenge.kind, self._on_challenge)

    def receive(
        self,
        message_type: type[AnyMessage],
        handle: Callable[[str, AnyMessage], None],
        *,
        in_background: bool = False,
    ) -> None:
        """Call ``handle`` with every message of a type, and the id of the node that sent it.

        Args:
            message_type: its class.
            handle: given sender and message; raises ``MessageError`` for an impossible message.
            in_background: run ``handle`` in a greenlet of its own, because it waits for something.
        """

        def on_message(msg: Message, **_: Any) -> None:
            try:
                body = self._seal.check(self._other_side, msg.node_id, message_type.kind, msg.data)
                message = message_type.from_wire(body)
            except OtherSessionError:
                if self._own_side == "master":
                    self.send(Challenge(), msg.node_id)
                return
            except MessageError as error:
                self._ignored_messages.note(f"{message_type.kind}: {error}")
                return
            if in_background:
                gevent.spawn(self._handle, handle, msg.node_id, message)
            else:
                self._handle(handle, msg.node_id, message)

        self._runner.register_message(message_type.kind, on_message)

    def _handle(self, handle: Callable[[str, AnyMessage], None], sender: str, message: AnyMessage) -> None:
        try:
            handle(sender, message)
        except MessageError as error:
            self._ignored_messages.note(f"{message.kind}: {error}")

    def send(self, message: Wire, to: str | None = None) -> None:
        """Send a message to the master, or to the worker with this id."""
        worker = self._own_id if to is None else to
        body = self._seal.sign(self._own_side, worker, message.kind, message.to_wire())
        self._runner.send_message(message.kind, body, to)

    def _on_challenge(self, msg: Message, **_: Any) -> None:
        try:
            self._seal.adopt_session(msg.node_id, Challenge.kind, msg.data)
        except MessageError as error:
            self._ignored_messages.note(f"{Challenge.kind}: {error}")
