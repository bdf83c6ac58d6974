"""Signs the messages between master and workers with a secret that they share (HMAC-SHA256, RFC 2104).

What is signed: who sends, the worker at the other end, the master's session, a number that only grows, the
kind, and the body's bytes. So a message that was recorded is of no use: not again, not for another worker,
not for a later master. Nothing is encrypted.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Literal

import msgpack  # type: ignore[import-untyped] # no types are published

from config.errors import ConfigError

KEY_VARIABLE = "LOAD_TEST_CLUSTER_KEY"

Side = Literal["master", "worker"]

_SHORTEST_KEY = 16


class MessageError(ValueError):
    """A message of the wrong form, or with figures that are impossible in the run."""


class OtherSessionError(MessageError):
    """Rightly signed, but not for this master's session: of a worker that does not know it yet."""


class Seal:
    """Signs and checks the messages of one process. Without a key, messages stay as they are.

    Args:
        key: the shared secret; ``None`` for none.

    Raises:
        ConfigError: the key is too short to be a secret.
    """

    def __init__(self, key: str | None) -> None:
        if key is not None and len(key) < _SHORTEST_KEY:
            raise ConfigError(f"{KEY_VARIABLE}: expected at least {_SHORTEST_KEY} characters")
        self._key = None if key is None else key.encode()
        self._session = ""
        self._sent = 0
        self._last_numbers: dict[str, int] = {}

    @property
    def has_key(self) -> bool:
        """Whether messages are signed."""
        return self._key is not None

    def begin_session(self) -> None:
        """Begin a master's session: only what is signed for it is accepted."""
        self._session = secrets.token_hex(16)

    def trusts(self, worker: str) -> bool:
        """Return whether the other end of a worker's connection has signed a message of this session."""
        return self._key is None or worker in self._last_numbers

    def sign(self, sender: Side, worker: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body as it is sent.

        Args:
            sender: which side sends it.
            worker: the id of the worker that sends or gets it.
            kind: the message's.
            body: plain data.
        """
        if self._key is None:
            return body
        self._sent += 1
        packed = msgpack.packb(body)
        mac = _mac(self._key, sender, worker, self._session, self._sent, kind, packed)
        return {"session": self._session, "number": self._sent, "body": packed, "mac": mac}

    def check(self, sender: Side, worker: str, kind: str, data: object) -> object:
        """Return the body of a message that has arrived.

        Raises:
            OtherSessionError: it is rightly signed, for another session or none.
            MessageError: it is not signed, wrongly signed, or has been here before.
        """
        if self._key is None:
            return data
        session, number, body = self._checked(self._key, sender, worker, kind, data)
        if session != self._session:
            raise OtherSessionError("signed for another session")
        self._accept(worker, number)
        return msgpack.unpackb(body, strict_map_key=False)

    def adopt_session(self, worker: str, kind: str, data: object) -> None:
        """Adopt the session of a master's message, on a worker.

        Raises:
            MessageError: it is not signed, wrongly signed, or has been here before.
        """
        if self._key is None:
            return
        session, number, _ = self._checked(self._key, "master", worker, kind, data)
        if session != self._session:
            self._session = session
            self._last_numbers.clear()
        self._accept(worker, number)

    def _checked(
        self, key: bytes, sender: Side, worker: str, kind: str, data: object
    ) -> tuple[str, int, bytes]:
        match data:
            case {"session": str(session), "number": int(number), "body": bytes(body), "mac": bytes(mac)}:
                expected = _mac(key, sender, worker, session, number, kind, body)
                if hmac.compare_digest(mac, expected):
                    return session, number, body
                raise MessageError("signed with another key")
        raise MessageError(f"not signed; expected the same {KEY_VARIABLE} on both sides")

    def _accept(self, worker: str, number: int) -> None:
        if number <= self._last_numbers.get(worker, 0):
            raise MessageError("a signed message that has been here before")
        self._last_numbers[worker] = number


def _mac(key: bytes, *parts: str | int | bytes) -> bytes:
    try:
        return hmac.digest(key, msgpack.packb(parts), "sha256")
    except (OverflowError, ValueError) as error:
        raise MessageError("not signed: a number out of range") from error
