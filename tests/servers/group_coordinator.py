"""A proxy that coordinates groups as Kafka does: ``python tests/servers/group_coordinator.py TARGET_PORT``.

The tests' broker answers each JoinGroup after half the session timeout, whatever the members do. This proxy
answers JoinGroup, SyncGroup, Heartbeat and LeaveGroup itself, as Kafka's documents describe the classic
protocol with static members (KIP-345), and passes everything else through. It knows the versions that
aiokafka sends. It writes the port it listens on as its first line, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import sys
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal

from aiokafka.protocol import commit, group
from aiokafka.protocol.types import Int16, Int32, String

_HOST = "127.0.0.1"
_OK, _ILLEGAL_GENERATION, _UNKNOWN_MEMBER, _REBALANCING, _MEMBER_ID_REQUIRED = 0, 22, 25, 27, 79
# Kafka's group.initial.rebalance.delay.ms, for a group without members.
_INITIAL_DELAY_SECONDS = 3.0
_OFFSET_COMMIT, _JOIN, _HEARTBEAT, _LEAVE, _SYNC = 8, 11, 12, 13, 14
_OURS = {
    (_JOIN, 5): group.JoinGroupRequest_v5,
    (_SYNC, 3): group.SyncGroupRequest_v3,
    (_HEARTBEAT, 1): group.HeartbeatRequest_v1,
    (_LEAVE, 1): group.LeaveGroupRequest_v1,
    (_OFFSET_COMMIT, 2): commit.OffsetCommitRequest_v2,
    (_OFFSET_COMMIT, 3): commit.OffsetCommitRequest_v3,
}


@dataclass
class _Member:
    id: str
    instance: str | None
    protocols: list[tuple[str, bytes]]
    session_seconds: float
    rebalance_seconds: float
    seen: float = field(default_factory=time.monotonic)
    joining: asyncio.Future[Any] | None = None
    syncing: asyncio.Future[Any] | None = None
    assignment: bytes = b""


class _Group:
    def __init__(self) -> None:
        self.state: Literal["empty", "preparing", "completing", "stable"] = "empty"
        self.members: dict[str, _Member] = {}
        self._is_initial = False
        self._generation = 0
        self._leader = ""
        self._deadline = 0.0
        self._numbers = itertools.count(1)

    async def join(self, request: Any) -> Any:
        instance: str | None = request.group_instance_id
        known = next((m for m in self.members.values() if instance and m.instance == instance), None)
        if known is not None and known.id != request.member_id:
            return await self._rejoin_static(known, request)
        if not request.member_id and instance is None:
            return self._joined(self._new_id(), error=_MEMBER_ID_REQUIRED)
        member = self.members.get(request.member_id)
        if member is None:
            member = self._add(request.member_id or self._new_id(), request)
        member.seen = time.monotonic()
        return await self._wait_for_join(member)

    async def _wait_for_join(self, member: _Member) -> Any:
        member.joining = asyncio.get_running_loop().create_future()
        self._prepare()
        self.check()
        return await member.joining

    async def _rejoin_static(self, known: _Member, request: Any) -> Any:
        """Give a static member's place to its successor; nothing moves if the group is stable."""
        del self.members[known.id]
        member = self._add(self._new_id(), request)
        member.assignment = known.assignment
        if self.state == "stable" and known.protocols == member.protocols:
            # The leader's successor is told the old name, so that it does not lead and assign anew.
            return self._joined(member.id)
        return await self._wait_for_join(member)

    def _add(self, member_id: str, request: Any) -> _Member:
        member = _Member(
            member_id,
            request.group_instance_id,
            request.group_protocols,
            request.session_timeout / 1000,
            request.rebalance_timeout / 1000,
        )
        self.members[member_id] = member
        return member

    def _new_id(self) -> str:
        return f"member-{next(self._numbers)}"

    def _prepare(self) -> None:
        if self.state == "preparing":
            return
        for member in self.members.values():
            _resolve(member.syncing, group.SyncGroupResponse_v3(0, _REBALANCING, b""))
        waits = [_INITIAL_DELAY_SECONDS]
        if self.state != "empty":
            waits = [member.rebalance_seconds for member in self.members.values()]
        self._is_initial, self.state = self.state == "empty", "preparing"
        self._deadline = time.monotonic() + max(waits, default=0.0)

    def check(self) -> None:
        """Remove who is silent, and end the wait for members if all are there or its time is over."""
        now = time.monotonic()
        for member in list(self.members.values()):
            waits = _is_open(member.joining) or _is_open(member.syncing)
            if not waits and now - member.seen > member.session_seconds:
                self._remove(member)
        if self.state != "preparing":
            return
        joined = [member for member in self.members.values() if _is_open(member.joining)]
        is_complete = len(joined) == len(self.members) and not self._is_initial
        if not self.members:
            self.state = "empty"
        elif is_complete or now >= self._deadline:
            for member in [m for m in self.members.values() if m not in joined and m.instance is None]:
                del self.members[member.id]
            self._elect(joined)

    def _elect(self, joined: list[_Member]) -> None:
        if not joined:
            self.state = "empty"
            return
        self._generation += 1
        self.state = "completing"
        if self._leader not in [member.id for member in joined]:
            self._leader = joined[0].id
        for member in joined:
            member.seen = time.monotonic()
            _resolve(member.joining, self._joined(member.id))

    def _joined(self, member_id: str, error: int = _OK) -> Any:
        everybody = [(m.id, m.instance, m.protocols[0][1]) for m in self.members.values()]
        is_leader = member_id == self._leader and self.state == "completing"
        protocol = next((m.protocols[0][0] for m in self.members.values()), "")
        return group.JoinGroupResponse_v5(
            0, error, self._generation, protocol, self._leader, member_id, everybody if is_leader else []
        )

    async def sync(self, request: Any) -> Any:
        member = self.members.get(request.member_id)
        error = self._error(member, request.generation_id)
        if error or member is None or self.state == "preparing":
            return group.SyncGroupResponse_v3(0, error or _REBALANCING, b"")
        member.seen = time.monotonic()
        if self.state == "stable":
            return group.SyncGroupResponse_v3(0, _OK, member.assignment)
        member.syncing = asyncio.get_running_loop().create_future()
        if member.id == self._leader:
            assignments = dict(request.group_assignment)
            self.state = "stable"
            for other in self.members.values():
                other.assignment = assignments.get(other.id, b"")
                _resolve(other.syncing, group.SyncGroupResponse_v3(0, _OK, other.assignment))
        return await member.syncing

    def heartbeat(self, request: Any) -> Any:
        member = self.members.get(request.member_id)
        error = self._error(member, request.generation_id)
        if member is not None and not error:
            member.seen = time.monotonic()
            error = _REBALANCING if self.state == "preparing" else _OK
        return group.HeartbeatResponse_v1(0, error)

    def leave(self, request: Any) -> Any:
        member = self.members.get(request.member_id)
        if member is None:
            return group.LeaveGroupResponse_v1(0, _UNKNOWN_MEMBER)
        self._remove(member)
        self.check()
        return group.LeaveGroupResponse_v1(0, _OK)

    def _remove(self, member: _Member) -> None:
        del self.members[member.id]
        self._prepare()

    def _error(self, member: _Member | None, generation: int) -> int:
        if member is None:
            return _UNKNOWN_MEMBER
        return _OK if generation == self._generation else _ILLEGAL_GENERATION


def _is_open(future: asyncio.Future[Any] | None) -> bool:
    return future is not None and not future.done()


def _resolve(future: asyncio.Future[Any] | None, answer: Any) -> None:
    if future is not None and not future.done():
        future.set_result(answer)


class _Front:
    def __init__(self, port: int) -> None:
        self._port = port
        self._groups: dict[str, _Group] = {}

    async def look_on(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for found in self._groups.values():
                found.check()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(_HOST, self._port)
        try:
            while True:
                frame = await _read(reader)
                # As at a broker, the requests of a connection are answered one after another.
                answer = await self._answer(frame)
                if isinstance(answer, bytes):
                    far_writer.write(struct.pack(">i", len(answer)) + answer)
                    # A produce request without acknowledgements has no answer; no client here sends one.
                    content = await _read(far_reader)
                else:
                    content = frame[4:8] + answer.encode()
                writer.write(struct.pack(">i", len(content)) + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            far_writer.close()

    async def _answer(self, frame: bytes) -> Any:
        """Return the response to a request of ours, or the bytes to be passed on."""
        body = BytesIO(frame)
        key, version = Int16.decode(body), Int16.decode(body)
        kind = _OURS.get((key, version))
        if kind is None:
            if key in (_JOIN, _SYNC, _HEARTBEAT, _LEAVE):
                raise OSError(f"request {key} of version {version} is not known here")
            return frame
        Int32.decode(body)
        String("utf-8").decode(body)
        head = frame[: body.tell()]
        request: Any = kind.decode(body)
        if key == _OFFSET_COMMIT:
            # The broker behind does not know the group's members.
            request.consumer_group_generation_id, request.consumer_id = -1, ""
            return head + request.encode()
        found = self._groups.setdefault(request.group, _Group())
        match key:
            case 11:
                return await found.join(request)
            case 14:
                return await found.sync(request)
            case 12:
                return found.heartbeat(request)
            case _:
                return found.leave(request)


async def _read(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def _main(port: int) -> None:
    front = _Front(port)
    listener = await asyncio.start_server(front.connected, _HOST, 0, limit=1 << 24)
    sys.stdout.write(f"{listener.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    looking = asyncio.create_task(front.look_on())
    # It ends with the program that started it.
    await asyncio.to_thread(sys.stdin.read)
    looking.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
