"""Runs one schedule of faults on real processes and returns what was wrong with the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.dead_letter import DeadLetter
from tests.programs.pipeline_worker import WorkerProcess
from tests.proofs.fault_judge import Entry, judge, unsettled
from tests.proofs.fault_schedules import Schedule, Step
from tests.servers.fault_front import FaultFront
from tests.servers.kafka_broker import KafkaBroker, Message
from tests.servers.redis_server import RedisServer
from tests.servers.standin_server import StandinServer

# Ten times what the longest schedule takes on a quiet machine. A run beyond it is stuck.
DEADLINE_SECONDS = 180.0
_LOOK_SECONDS = 0.02
_STOPPED_BY_AN_ERROR = 2
_COMMON = {
    "LIMIT_REQUESTS": "400",
    "LIMIT_MIN_GAP_MS": "1",
    "BATCH_WAIT_MS": "20",
    # So often that no message is given up for the faults of a schedule, which are not its own.
    "UNDELIVERABLE_ATTEMPTS": "6",
    "UNDELIVERABLE_PAUSE_MS": "20",
}


class Servers:
    """The servers that schedules share, one after the other; broker and Redis start when first needed."""

    def __init__(self) -> None:
        self._until_end = ExitStack()
        folder = Path(self._until_end.enter_context(tempfile.TemporaryDirectory()))
        self._journal = folder / "journal"
        self.standin = self._until_end.enter_context(StandinServer("--journal", str(self._journal)))
        self._broker: KafkaBroker | None = None
        self._redis: RedisServer | None = None

    @property
    def broker(self) -> KafkaBroker:
        """A broker; its topics stay."""
        if self._broker is None:
            self._broker = self._until_end.enter_context(KafkaBroker())
        return self._broker

    @property
    def redis(self) -> RedisServer:
        """A Redis, running."""
        if self._redis is None:
            self._redis = self._until_end.enter_context(RedisServer())
        return self._redis

    def journal_size(self) -> int:
        return self._journal.stat().st_size if self._journal.exists() else 0

    def journal(self, since_bytes: int) -> list[Entry]:
        """Return the whole lines after a size that ``journal_size`` returned."""
        with self._journal.open("rb") as file:
            file.seek(since_bytes)
            lines = file.read().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until_end.close()


async def run_schedule(schedule: Schedule, servers: Servers) -> list[str]:
    """Run a schedule to its end; return a line for everything that was wrong, none if all was right."""
    run: _FileRun | _BrokerRun = (
        _FileRun(schedule, servers) if schedule.source == "file" else _BrokerRun(schedule, servers)
    )
    with run.files:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), run.ready():
                await run.deliver()
        except TimeoutError:
            stuck = f"not everything was settled within {DEADLINE_SECONDS:g} s: {run.last_words()}"
            return [*run.wrong, stuck]
        return [*run.wrong, *judge(schedule, run.journal(), await run.letters())]


class _Outages:
    """Takes Redis or the broker away for a while, and brings them back in any case."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Held while messages are produced: a producer that repeats itself would be a fault of ours.
        self.broker_in_use = asyncio.Lock()

    def begin(self, event: str, seconds: float) -> None:
        """Begin one, unless the same server is away already."""
        server, _, how = event.partition("_")
        if server not in self._tasks or self._tasks[server].done():
            self._tasks[server] = asyncio.create_task(self._outage(server, how, seconds))

    async def end_all(self) -> None:
        """Wait until all servers are there again."""
        while running := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(running)  # meanwhile another one may begin
        for task in self._tasks.values():
            task.result()

    def _switches(self, server: str, how: str) -> tuple[Callable[[], None], Callable[[], None]]:
        if server == "broker":
            broker = self._servers.broker
            return (broker.cut, broker.restore) if how == "cut" else (broker.pause, broker.resume)
        redis = self._servers.redis
        return (redis.kill, redis.start) if how == "killed" else (redis.pause, redis.resume)

    async def _outage(self, server: str, how: str, seconds: float) -> None:
        if how == "emptied":
            await asyncio.to_thread(self._servers.redis.flush)
            return
        begin, end = self._switches(server, how)
        async with self.broker_in_use:
            await asyncio.to_thread(begin)
            try:
                await asyncio.sleep(seconds)
            finally:
                await asyncio.shield(asyncio.to_thread(end))


class _Run:
    """What both kinds of run have: the front, the servers, and what went wrong so far."""

    def __init__(self, schedule: Schedule, servers: Servers) -> None:
        self.schedule = schedule
        self.servers = servers
        self.wrong: list[str] = []
        self.files = ExitStack()  # removed at the end
        self.outages = _Outages(servers)
        self.front = FaultFront(servers.standin.url, iter(schedule.steps), self.on_event)
        self.excused = 0  # ends with code 2 that an answer of the front explains
        self._since_bytes = servers.journal_size()

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Listen for requests; at the end every server is back."""
        if self.schedule.has_redis:
            await asyncio.to_thread(self.servers.redis.flush)
        async with AsyncExitStack() as until_end:
            await until_end.enter_async_context(self.front.serving())
            until_end.push_async_callback(self.outages.end_all)
            yield

    async def on_event(self, step: Step) -> None:
        """Do to our processes what a step says."""
        raise NotImplementedError

    def journal(self) -> list[Entry]:
        """Return what was applied since the beginning of the run."""
        return self.servers.journal(self._since_bytes)

    def variables(self) -> dict[str, str]:
        """Return the worker's settings."""
        redis = {"REDIS_URL": self.servers.redis.url} if self.schedule.has_redis else {}
        return {
            **_COMMON,
            **redis,
            "CUSTOMERIO_BASE_URL": self.front.url,
            "TRACK_API": self.schedule.api,
            "BATCH_SIZE": str(self.schedule.batch),
        }

    def note_end(self, code: int, errors: str) -> None:
        """Note that a worker ended by itself or by a signal, if nothing explains that."""
        if code in (0, 1, -9, -15) and not any(word in errors for word in ("Traceback", "stopped: ")):
            return
        if code == _STOPPED_BY_AN_ERROR and self.excused < self.front.turned_away:
            self.excused += 1
            return
        self.wrong.append(f"a worker ended with {code}: {errors[-500:]}")


class _FileRun(_Run):
    """A backfill that is started again until it has come to its end."""

    def __init__(self, schedule: Schedule, servers: Servers) -> None:
        super().__init__(schedule, servers)
        self._source = Path(self.files.enter_context(tempfile.TemporaryDirectory()), "source.jsonl")
        self._source.write_bytes(b"".join(message.value + b"\n" for message in schedule.messages))
        self._worker: WorkerProcess | None = None

    async def deliver(self) -> None:
        while True:
            self._worker = worker = WorkerProcess(self.variables(), "--from", str(self._source))
            try:
                while (code := worker.process.poll()) is None:
                    await asyncio.sleep(_LOOK_SECONDS)
                output, errors = worker.output(), worker.errors()
                self.note_end(code, errors)
                self._check_position()
            finally:
                worker.stop()
            if code in (0, 1) and "stopped before" not in output + errors:
                self._check_last_line(code, output)
                return
            if len(self.wrong) > 3:
                return

    async def on_event(self, step: Step) -> None:
        worker = self._worker
        assert step.event is not None
        if step.event not in ("kill", "stop"):
            self.outages.begin(step.event, step.seconds)
        elif worker is not None and worker.process.poll() is None:
            worker.kill() if step.event == "kill" else worker.terminate()

    async def letters(self) -> list[bytes | None]:
        return self._letters()

    def last_words(self) -> str:
        return f"{self.front.requests} requests"

    def _letters(self) -> list[bytes | None]:
        path = Path(f"{self._source}.dead.jsonl")
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [DeadLetter.from_json_line(line).value for line in lines]

    def _check_position(self) -> None:
        """Whatever is before the position is settled, as the worker will never look at it again."""
        path = Path(f"{self._source}.position")
        if not path.exists():
            return
        offset = json.loads(path.read_bytes())["offset"]
        end, counted = 0, []
        for message in self.schedule.messages:
            end += len(message.value) + 1
            if end <= offset:
                counted.append(message.number)
        self.wrong += unsettled(self.schedule, counted, self.journal(), self._letters())

    def _check_last_line(self, code: int, output: str) -> None:
        good = len(self.schedule.numbers("good"))
        dead = len(self.schedule.messages) - good
        if f"{good} delivered, {dead} dead letters" not in output or code != (1 if dead else 0):
            self.wrong.append(f"expected {good} delivered and {dead} dead, got {code}: {output.strip()}")


class _BrokerRun(_Run):
    """Workers of a group that come and go."""

    def __init__(self, schedule: Schedule, servers: Servers) -> None:
        super().__init__(schedule, servers)
        self._topic = f"faults-{schedule.seed}"
        self._workers: list[WorkerProcess] = []
        self._positions: list[tuple[int, int]] = []

    async def deliver(self) -> None:
        broker = self.servers.broker
        for name, partitions in ((self._topic, 4), (f"{self._topic}-dlq", 1)):
            await broker.create_topic(name, partitions)
        messages = [Message(each.key.encode(), each.value) for each in self.schedule.messages]
        half = len(messages) // 2
        self._positions = await broker.produce(self._topic, messages[:half])
        try:
            for _ in range(self.schedule.workers):
                self._add_worker()
            watching = asyncio.create_task(self._replace_ended())
            async with _cancelled_at_end(watching):
                await self._wait_for_requests(half // max(1, self.schedule.batch) // 2)
                async with self.outages.broker_in_use:
                    self._positions += await broker.produce(self._topic, messages[half:])
                await self._everything_committed()
        finally:
            for worker in self._workers:
                worker.stop()

    async def on_event(self, step: Step) -> None:
        assert step.event is not None
        running = [worker for worker in self._workers if worker.process.poll() is None]
        if step.event.startswith(("redis", "broker")):
            self.outages.begin(step.event, step.seconds)
        elif step.event == "worker_joins":
            if len(running) < 4:
                self._add_worker()
        elif running:
            victim = running[int(step.share * len(running))]
            victim.kill() if step.event == "kill" else victim.terminate()

    async def letters(self) -> list[bytes | None]:
        expected = len(self.schedule.messages) - len(self.schedule.numbers("good"))
        records = await self.servers.broker.read_all(f"{self._topic}-dlq", expected)
        return [record.value for record in records]

    def last_words(self) -> str:
        errors = [worker.errors()[-300:] for worker in self._workers]
        return f"{self.front.requests} requests; {errors}"

    def _add_worker(self) -> None:
        more = {
            "KAFKA_BROKERS": self.servers.broker.address,
            "KAFKA_TOPIC": self._topic,
            "KAFKA_GROUP": f"{self._topic}-group",
            "KAFKA_SESSION_TIMEOUT_MS": "1500",
            "KAFKA_HEARTBEAT_MS": "300",
        }
        self._workers.append(WorkerProcess({**self.variables(), **more}))

    async def _replace_ended(self) -> None:
        """Start a worker for each that has ended, if none is left, as whoever runs them would."""
        while True:
            for worker in self._workers:
                if (code := worker.process.poll()) is not None:
                    self.note_end(code, worker.errors())
                    self._workers.remove(worker)
                    worker.stop()
                    if len(self._workers) < self.schedule.workers:
                        self._add_worker()
                    break
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wait_for_requests(self, count: int) -> None:
        while self.front.requests < count:
            await asyncio.sleep(_LOOK_SECONDS)

    async def _everything_committed(self) -> None:
        committed: dict[int, int] = {}
        while sum(committed.values()) < len(self.schedule.messages):
            await asyncio.sleep(0.2)
            await self.outages.end_all()
            with contextlib.suppress(Exception):  # the broker may be gone again by now
                async with asyncio.timeout(10):
                    committed = await self.servers.broker.committed(f"{self._topic}-group", self._topic)
            counted = [
                number
                for number, (partition, offset) in enumerate(self._positions)
                if offset < committed.get(partition, 0) and self.schedule.messages[number].fate == "good"
            ]
            # Read before the journal: whatever was committed by then has to be there. Dead letters are
            # looked at in the end.
            self.wrong += unsettled(self.schedule, counted, self.journal(), [])


@asynccontextmanager
async def _cancelled_at_end(task: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
