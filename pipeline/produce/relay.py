"""Sends the lines of standard input as they come, and says on standard output which of them are safe.

For a program that cannot run the broker's client itself. Standard output has a line ``ready``, and then one
for each line of standard input, in any order: its number from 0. If it is not safe, a blank and the reason
follow.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.backfill.lines import MOST_LINE_BYTES
from pipeline.delivery.message import Parse, PoisonError
from pipeline.produce import outgoing
from pipeline.produce.producer import Producer


async def relay(producer: Producer, parse: Parse) -> None:
    """Send every line of standard input, and return when it has ended and each line has an answer.

    Args:
        producer: open.
        parse: as the workers parse a message. One that they would not accept is not sent.
    """
    lines = asyncio.StreamReader(limit=MOST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    answers = _Answers()
    answers.say("ready")
    under_way: set[asyncio.Future[Any]] = set()
    number = 0
    async for line in lines:
        await _send(producer, parse, line.rstrip(b"\n"), number, answers, under_way)
        number += 1
    await asyncio.gather(*under_way, return_exceptions=True)
    answers.flush()


async def _send(
    producer: Producer,
    parse: Parse,
    line: bytes,
    number: int,
    answers: _Answers,
    under_way: set[asyncio.Future[Any]],
) -> None:
    try:
        acknowledged = await producer.enqueue(outgoing.checked(line, parse))
    except PoisonError as error:
        answers.say(f"{number} {error.cause}")
        return
    except KafkaError as error:
        answers.say(f"{number} {type(error).__name__}")
        return

    def answer(future: asyncio.Future[Any]) -> None:
        under_way.discard(future)
        error = None if future.cancelled() else future.exception()
        answers.say(str(number) if error is None else f"{number} {type(error).__name__}")

    under_way.add(acknowledged)
    acknowledged.add_done_callback(answer)


class _Answers:
    """Writes what is said within one turn of the event loop together: a batch is safe all at once."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def say(self, line: str) -> None:
        if not self._said:
            asyncio.get_running_loop().call_soon(self.flush)
        self._said.append(f"{line}\n")

    def flush(self) -> None:
        said, self._said = "".join(self._said).encode(), []
        try:
            while said:
                said = said[os.write(sys.stdout.fileno(), said) :]
        except BrokenPipeError:
            # Who asked has gone. Standard input ends as well, and what was read of it is still sent.
            return
