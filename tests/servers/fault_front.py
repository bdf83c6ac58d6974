"""A front before the stand-in that answers as a schedule says, for faults that no HTTP library would send.

The stand-in stays the truth: a request either reaches it whole, or not at all. What it answered is then told
in another form, or withheld. A fault is never a success by Customer.io's rules, so a client that takes one
for a success has lost the request, if it was not passed on.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from tests.proofs.fault_schedules import DOUBTS, FAULTS, HONEST, TOXIC, TRUTHS, WHOLE_REFUSALS, Step

_BATCH_PATH = "/api/v2/batch"
_HTML = b"<html><body>Something else has answered</body></html>"
_SUCCESS = b"{}\n"
_BOMB = gzip.compress(b" " * (32 * 1024 * 1024) + _SUCCESS, 9)
# What becomes of a request with a toxic message, in turn: no two tries fail alike.
_TOXIC_ANSWERS = ("html_500", "reset", "html_200", "early_close", "empty_200")

#: Called with a step whose event is due; does what the event says to our processes.
OnEvent = Callable[[Step], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """An answer as the stand-in gave it."""

    status: int
    body: bytes


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    authorization: str
    body: bytes

    @property
    def items(self) -> int:
        """The number of operations in a batch, 0 for any other request."""
        return len(json.loads(self.body)["batch"]) if self.path == _BATCH_PATH else 0


class FaultFront:
    """Listens on a free port of its own while ``serving()``; ``url`` is its address then.

    Args:
        target_url: of the stand-in.
        steps: what each request meets, in the order of their arrival; those beyond are answered honestly.
        on_event: see ``OnEvent``.
    """

    def __init__(self, target_url: str, steps: Iterator[Step], on_event: OnEvent) -> None:
        self._target_url = target_url
        self._steps = steps
        self._on_event = on_event
        self._toxic_answers = 0
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""
        #: Requests so far, and those that were turned away as if the credentials or the address were wrong.
        self.requests = 0
        self.turned_away = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen, and end all connections at the end."""
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 20)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                yield
            finally:
                server.close()
                for connection in self._connections:
                    connection.cancel()
                await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # A worker that is killed leaves in the middle of anything.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._serve_one(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection stays open."""
        request = await _read(reader)
        self.requests += 1
        step = self._step_for(request)
        await self._event(step, "before")
        reply = Reply(0, b"")
        if step.applied:
            reply = await self._pass_on(request)
        await self._event(step, "within")
        is_kept = await _Wire(reader, writer, step).answer(reply, is_batch=request.items > 0)
        await self._event(step, "after")
        return is_kept

    def _step_for(self, request: _Request) -> Step:
        """Return the step as it fits this request, with ``applied`` as it has to be."""
        if TOXIC.encode() in request.body:
            self._toxic_answers += 1
            return Step(_TOXIC_ANSWERS[self._toxic_answers % len(_TOXIC_ANSWERS)])
        step = next(self._steps, HONEST)
        if step.answer.isdigit():
            self.turned_away += 1
            return _with_applied(step, False)
        if step.answer in WHOLE_REFUSALS and request.items > 1:
            return _with_applied(step, False)
        if step.answer in (*WHOLE_REFUSALS, *TRUTHS, *DOUBTS):
            return _with_applied(step, True)
        return step

    async def _event(self, step: Step, moment: str) -> None:
        if step.event is not None and step.moment == moment:
            await self._on_event(step)

    async def _pass_on(self, request: _Request) -> Reply:
        headers = {"Authorization": request.authorization, "Content-Type": "application/json"}
        url = URL(self._target_url + request.path, encoded=True)
        # To the end, even if the worker has gone meanwhile: the request has left it whole.
        return await asyncio.shield(self._exchange(request.method, url, request.body, headers))

    async def _exchange(self, method: str, url: URL, body: bytes, headers: dict[str, str]) -> Reply:
        async with self._session.request(method, url, data=body or None, headers=headers) as response:
            return Reply(response.status, await response.read())


def _with_applied(step: Step, applied: bool) -> Step:
    return Step(step.answer, applied, step.share, step.event, step.moment, step.seconds)


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return _Request(method, path, headers.get("authorization", ""), body)


class _Wire:
    """Writes one answer. Each kind of answer is one entry of the tables below, or a method."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, step: Step) -> None:
        self._reader = reader
        self._writer = writer
        self._step = step

    async def answer(self, reply: Reply, is_batch: bool) -> bool:
        """Write the answer of the step; return whether the connection stays open."""
        kind = self._step.answer
        if kind in WHOLE_REFUSALS:
            return await self._whole_refusal(reply)
        if kind in DOUBTS:
            return await self._send(_doubt(kind, reply) if is_batch and reply.status < 300 else _told(reply))
        if kind in TRUTHS:
            return await self._truth(kind, reply, is_batch)
        if kind in FAULTS:
            return await self._fault(kind)
        if kind.isdigit():
            location = "Location: https://track-eu.customer.io/api/v1/x\r\n" if kind[0] == "3" else ""
            return await self._send(_message(int(kind), b"wrong datacenter", location))
        return await self._long_wait(kind)

    async def _send(self, data: bytes, closes: bool = False) -> bool:
        self._writer.write(data)
        await self._writer.drain()
        return not closes

    async def _whole_refusal(self, reply: Reply) -> bool:
        if reply.status:
            return await self._send(_told(reply))
        return await self._send(_message(int(self._step.answer[-3:]), _HTML))

    async def _truth(self, kind: str, reply: Reply, is_batch: bool) -> bool:
        if kind == "slow":
            data = _told(reply)
            for start in range(0, len(data), 40):
                await self._send(data[start : start + 40])
                await asyncio.sleep(0.02)
            return True
        if kind == "until_closed":
            head = f"HTTP/1.0 {reply.status} Told\r\nContent-Type: application/json\r\n\r\n"
            return await self._send(head.encode() + reply.body, closes=True)
        if kind == "closes":
            return await self._send(_message(reply.status, reply.body, "Connection: close\r\n"), closes=True)
        return await self._send(_rewritten(kind, reply, is_batch))

    async def _fault(self, kind: str) -> bool:
        if kind == "early_close":
            return False
        if kind == "pause_then_close":
            await asyncio.sleep(self._step.seconds)
            return False
        if kind in ("reset", "reset_at_byte", "cut_body"):
            whole = _message(200, _SUCCESS)
            # Its last byte at least is missing, so it is never a success.
            await self._send(whole[: int(self._step.share * len(whole))] if kind != "reset" else b"")
            if kind != "cut_body":
                self._reset()
            return False
        return await self._send(_FAULTS[kind](self._step.share), closes=kind in _CLOSING)

    async def _long_wait(self, kind: str) -> bool:
        if kind in ("long_429", "long_503"):
            return await self._send(_message(int(kind[-3:]), _HTML, "Retry-After: 86400\r\n"))
        if kind == "byte_by_byte":
            for byte in _message(200, b" " * 10_000 + _SUCCESS):
                await self._send(bytes([byte]))
                await asyncio.sleep(0.1)
        await self._reader.read()
        return False

    def _reset(self) -> None:
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _message(status: int, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Told\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def _told(reply: Reply) -> bytes:
    return _message(reply.status, reply.body)


def _rewritten(kind: str, reply: Reply, is_batch: bool) -> bytes:
    """Return an answer that says the same in another form; the plain one where the form does not fit."""
    body, status = reply.body, reply.status
    # A refusal of everything in a batch is left alone: any 2xx would say that something was accepted.
    names_errors = status == 207 or (status == 400 and not is_batch)
    match kind:
        case "interim":
            early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            return early + _told(reply)
        case "no_line_feed":
            return _message(status, body.strip())
        case "blanks":
            return _message(status, b" \r\n\t" * 2000 + body + b"\n" * 500)
        case "null_errors" if status == 200:
            return _message(200, b'{"errors": null, "meta": null}')
        case "empty_errors" if status == 200:
            return _message(200, b'{"errors": [], "meta": {"error": "", "errors": []}}')
        case "chunked":
            chunks = [body[start : start + 7] for start in range(0, len(body), 7)]
            lines = b"".join(b"%x;part=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
            return (
                f"HTTP/1.1 {status} Told\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                + lines
                + b"0\r\n\r\n"
            )
        case "gzip":
            return _message(status, gzip.compress(body), "Content-Encoding: gzip\r\n")
        case "status_200" if names_errors:
            return _message(200, body)
        case "status_202" if names_errors:
            return _message(202, body)
        case "meta_errors" if status == 400 and not is_batch:
            return _message(400, _json({"meta": {"errors": [body.decode()]}}))
        case "lone_error" if status == 207 and len(json.loads(body)["errors"]) == 1:
            return _message(207, _json({"errors": json.loads(body)["errors"][0]}))
        case "answered_twice":
            return _told(reply) + _message(200, _SUCCESS)
    return _told(reply)


def _doubt(kind: str, reply: Reply) -> bytes:
    """Return a 207 that refuses something without saying what."""
    content = json.loads(reply.body)
    errors = content.get("errors") or [{"batch_index": 0, "reason": "invalid", "field": "x", "message": "y"}]
    bodies: dict[str, Any] = {
        "index_as_text": {
            "errors": [{**error, "batch_index": str(error["batch_index"])} for error in errors]
        },
        "no_index": {"errors": [{"reason": "invalid", "message": "one of them"}]},
        "index_beyond": {"errors": [*errors, {"batch_index": 10_000, "reason": "invalid"}]},
        "errors_as_text": {"errors": "some items were refused"},
        "garbage_errors": {"errors": [*errors, None, 7, [], {"batch_index": True}, {"batch_index": -1}]},
    }
    if kind in bodies:
        return _message(207, _json(bodies[kind]))
    return _message(207, {"html_207": _HTML, "cut_207": reply.body[:-2], "empty_207": b""}[kind])


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _head(more: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{more}\r\n".encode()


_CHUNKED = _head("Transfer-Encoding: chunked\r\n")
_ODD_WAITS = ("soon", "-5", "0", "", "0.2", "1e3", "Thu, 01 Jan 1970 00:00:00 GMT", "\x9b31m", "0x10", "1, 2")
_CLOSING = ("cut_chunks", "not_http", "endless_head", "endless_interim")

#: The bytes of each fault, for the share of a step.
_FAULTS: dict[str, Callable[[float], bytes]] = {
    "html_200": lambda share: _message(200, _HTML),
    "empty_200": lambda share: _message(200, b""),
    "list_200": lambda share: _message(200, b"[]"),
    "text_200": lambda share: _message(200, b"OK"),
    "null_200": lambda share: _message(200, b"null"),
    "html_203": lambda share: _message(203, _HTML),
    "empty_204": lambda share: b"HTTP/1.1 204 No Content\r\n\r\n",
    "part_206": lambda share: _message(206, _SUCCESS, "Content-Range: bytes 0-2/9\r\n"),
    "json_299": lambda share: _message(299, _SUCCESS),
    "json_500": lambda share: _message(500, _SUCCESS),
    **{
        f"html_{status}": lambda share, status=status: _message(status, _HTML)  # type: ignore[misc]
        for status in (408, 500, 502, 503, 504, 520, 524)
    },
    "status_599": lambda share: _message(599, b""),
    "status_999": lambda share: _message(999, _SUCCESS),
    "bare_429": lambda share: _message(429, b""),
    "odd_429": lambda share: _message(429, _HTML, _odd_wait(share)),
    "odd_503": lambda share: _message(503, _HTML, _odd_wait(share)),
    "cut_chunks": lambda share: _CHUNKED + b"3\r\n{}\n\r\n",
    "bad_chunks": lambda share: _CHUNKED + b"zz\r\n{}\n\r\n0\r\n\r\n",
    "gzip_junk": lambda share: _message(200, b"\x1f\x8b junk", "Content-Encoding: gzip\r\n"),
    "deflate_junk": lambda share: _message(200, b"junk", "Content-Encoding: deflate\r\n"),
    "gzip_cut": lambda share: _message(
        200, gzip.compress(_SUCCESS)[: -1 - int(share * 20)], "Content-Encoding: gzip\r\n"
    ),
    "gzip_bomb": lambda share: _message(200, _BOMB, "Content-Encoding: gzip\r\n"),
    "endless_head": lambda share: b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 20_000,
    "endless_interim": lambda share: b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
    "not_http": lambda share: b"\x16\x03\x01\x00\xee\x01 SSH-2.0-odd\r\n\r\n{}\n",
    "two_lengths": lambda share: _head("Content-Length: 3\r\nContent-Length: 2\r\n") + _SUCCESS,
    "blanks_cut": lambda share: _message(200, b" " * (5 * 1024 * 1024) + b'{"errors": ["all of them"]}'),
}


def _odd_wait(share: float) -> str:
    return f"Retry-After: {_ODD_WAITS[int(share * len(_ODD_WAITS))]}\r\n"
