"""The loops that receive messages in Locust's master and workers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import zmq
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from locust.runners import MasterRunner, Runner, WorkerRunner

from engine.ignored_messages import IgnoredMessages
from engine.locust_messages import is_from_master, is_from_worker


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
