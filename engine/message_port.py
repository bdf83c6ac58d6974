"""Typed messages over the connection between Locust's master and its workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from engine.cluster.messages import MessageError, Wire
from engine.ignored_messages import IgnoredMessages

AnyMessage = TypeVar("AnyMessage", bound=Wire)


class MessagePort:
    """Sends and receives the load test's own messages.

    A message that does not decode, or that its receiver finds impossible, is counted and ignored. Only the
    first one is logged.

    Args:
        runner: Locust's, of a master or of a worker.
        ignored_messages: the counter of ignored messages.
    """

    def __init__(self, runner: MasterRunner | WorkerRunner, ignored_messages: IgnoredMessages) -> None:
        self._runner = runner
        self._ignored_messages = ignored_messages

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
                message = message_type.from_wire(msg.data)
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
        self._runner.send_message(message.kind, message.to_wire(), to)
