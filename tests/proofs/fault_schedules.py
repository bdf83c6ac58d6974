"""Random schedules of faults: what is delivered, and what each request meets. Pure arithmetic from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["file", "broker"]
Api = Literal["v1", "v2"]
#: ``good`` is to be delivered. The others are to become dead letters: a message that nobody can parse, one
#: that is too large, one that Customer.io refuses, and one at which the server fails each time.
Fate = Literal["good", "poison", "too_large", "refused", "toxic"]
#: Found in the body of any request that carries a toxic message.
TOXIC = "toxic-mark"

# Every kind of answer is described, and made, in tests/servers/fault_front.py.
#: The request is passed on, and its answer given in another form that says the same.
TRUTHS = (
    *("as_is", "as_is", "interim", "slow", "no_line_feed", "blanks", "null_errors", "empty_errors"),
    *("chunked", "gzip", "closes", "until_closed", "status_200", "status_202", "meta_errors", "lone_error"),
    # Not later than the answer itself: what comes when the next request is under way is taken for its answer
    # by every client of HTTP/1.1.
    "answered_twice",
)
#: Passed on, and answered by a 207 of which nobody can tell what it refuses.
DOUBTS = (
    *("html_207", "cut_207", "index_as_text", "no_index", "index_beyond", "errors_as_text", "garbage_errors"),
    "empty_207",
)
#: No success, whether the request was passed on before or not.
FAULTS = (
    *("html_200", "empty_200", "list_200", "text_200", "null_200", "html_203", "empty_204", "part_206"),
    *("json_299", "html_500", "json_500", "html_502", "html_503", "html_504", "html_520", "html_524"),
    *("status_599", "status_999", "html_408", "bare_429", "odd_429", "odd_503", "cut_body", "cut_chunks"),
    *("bad_chunks", "gzip_junk", "deflate_junk", "gzip_cut", "gzip_bomb", "endless_head", "endless_interim"),
    *("not_http", "early_close", "reset", "reset_at_byte", "pause_then_close", "two_lengths", "blanks_cut"),
)
#: A batch refused as a whole without a reason: its parts are to be sent separately.
WHOLE_REFUSALS = ("whole_400", "whole_413", "whole_422")
#: These stop the worker in order, with exit code 2; something starts it again.
TURNS_AWAY = ("401", "403", "301", "307", "404", "405")
#: Only together with a kill, as the worker rightly waits for longer than a schedule takes.
LONG_WAITS = ("hang", "long_429", "long_503", "byte_by_byte")

#: What happens to our processes at the moment of a request.
KILLS = ("kill", "stop")
REDIS_LOSSES = ("redis_killed", "redis_paused", "redis_emptied")
GROUP_CHANGES = ("kill", "stop", "worker_joins", "worker_leaves", "broker_cut", "broker_paused")
_MOMENTS = ("before", "within", "after")
# Of the odd steps. A topic has several workers, Redis and the broker to lose.
_EVENT_SHARES: dict[Source, float] = {"file": 0.2, "broker": 0.35}


@dataclass(frozen=True)
class PlannedMessage:
    """A message, and what is to become of it.

    Args:
        number: its place in the source, from 0.
        key: messages of one key are to be delivered in order.
        fate: see ``Fate``.
        kind: as the stand-in's journal names the operation.
        value: the bytes of the message.
    """

    number: int
    key: str
    fate: Fate
    kind: str
    value: bytes


@dataclass(frozen=True)
class Step:
    """What one request meets.

    Args:
        answer: the kind of answer.
        applied: for a fault, whether the request is passed on before.
        share: how much of an answer is sent before it is cut, 0 to 1.
        event: what happens to our processes, if anything does.
        moment: when: before the request is passed on, after that, or after the answer.
        seconds: how long an outage takes.
    """

    answer: str
    applied: bool = False
    share: float = 0.0
    event: str | None = None
    moment: str = "before"
    seconds: float = 0.0


HONEST = Step("as_is")


@dataclass(frozen=True)
class Schedule:
    """All of one run. Requests beyond the last step are answered honestly, so every run can end.

    Args:
        seed: makes the same schedule again.
        source: a file, or a topic with several workers.
        api: of Customer.io.
        has_redis: whether the limit is shared through Redis.
        batch: the most messages in a batch.
        workers: how many read a topic.
        messages: in the order of the source.
        steps: in the order of requests.
    """

    seed: int
    source: Source
    api: Api
    has_redis: bool
    batch: int
    workers: int
    messages: tuple[PlannedMessage, ...]
    steps: tuple[Step, ...]

    @property
    def prefix(self) -> str:
        """All names of people begin with it, and no other schedule's do."""
        return f"s{self.seed}-"

    def numbers(self, *fates: Fate) -> set[int]:
        """Return the numbers of all messages with these fates."""
        return {message.number for message in self.messages if message.fate in fates}


def schedule(seed: int, broker_every: int = 10, redis_every: int = 5) -> Schedule:
    """Return the schedule of a seed.

    Args:
        seed: any whole number; the same one makes the same schedule.
        broker_every: every such seed reads from a broker, with a Redis.
        redis_every: every such seed has a Redis.
    """
    chance = random.Random(seed)
    source: Source = "broker" if seed % broker_every == 0 else "file"
    has_redis = source == "broker" or seed % redis_every == 0
    api: Api = "v1" if chance.random() < 0.3 else "v2"
    batch = chance.choice((2, 5, 10, 25))
    count = chance.randrange(40, 100) if api == "v1" else chance.randrange(60, 200)
    messages = _messages(chance, seed, count)
    steps = _steps(chance, source, has_redis, chance.randrange(10, 50))
    return Schedule(seed, source, api, has_redis, batch, chance.choice((1, 2, 3)), messages, steps)


def _messages(chance: random.Random, seed: int, count: int) -> tuple[PlannedMessage, ...]:
    people = chance.randrange(3, 25)
    # A toxic message takes a dozen requests until it is given up, and pauses in between: one is enough.
    toxic = chance.randrange(count) if chance.random() < 0.15 else -1
    messages = []
    for number in range(count):
        key = f"s{seed}-{chance.randrange(people)}"
        drawn = chance.random()
        fate: Fate = "good"
        if number == toxic:
            fate = "toxic"
        elif drawn < 0.06:
            fate = chance.choice(("poison", "refused", "too_large"))
        messages.append(_message(chance, number, key, fate))
    return tuple(messages)


def _message(chance: random.Random, number: int, key: str, fate: Fate) -> PlannedMessage:
    if fate == "poison":
        return PlannedMessage(number, key, fate, "", f"poison {number} of {key}".encode())
    attributes: dict[str, Any] = {"n": number}
    if fate == "toxic":
        attributes["text"] = TOXIC
    if fate == "too_large":
        attributes |= {f"a{index}": "x" * 900 for index in range(40)}
    if fate == "refused":
        # No attribute may be without a name: the stand-in refuses it, and nothing before it looks.
        content: dict[str, Any] = {"type": "identify", "userId": key, "payload": {**attributes, "": 1}}
        return PlannedMessage(number, key, fate, "identify", json.dumps(content).encode())
    # An event in Track v1 may have 100 000 bytes, an identify has no published limit: only v2 is too small.
    kinds = ("event",) if fate == "too_large" else ("identify", "event", "event", "native", "device")
    kind = "native" if fate == "too_large" else chance.choice(kinds)
    journal_kind, content = _content(kind, number, key, attributes)
    return PlannedMessage(number, key, fate, journal_kind, json.dumps(content).encode())


def _content(kind: str, number: int, key: str, attributes: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if kind == "identify":
        return "identify", {"type": "identify", "userId": key, "payload": attributes}
    if kind == "event":
        payload = {"event": "step", "properties": attributes}
        return "event", {"type": "track", "userId": key, "payload": payload}
    native: dict[str, Any] = {"type": "person", "identifiers": {"id": key}}
    if kind == "native":
        return "event", {**native, "action": "event", "name": "step", "attributes": attributes}
    token = attributes.get("text", "device")
    return "add_device", {
        **native,
        "action": "add_device",
        "device": {"token": f"{token} {number}", "platform": "ios"},
    }


def _steps(chance: random.Random, source: Source, has_redis: bool, count: int) -> tuple[Step, ...]:
    severity = chance.uniform(0.2, 0.8)
    steps: list[Step] = []
    while len(steps) < count:
        if chance.random() < 0.08:
            # A storm: the same fault again and again, as an outage is.
            steps += [Step(chance.choice(FAULTS), chance.random() < 0.3)] * chance.randrange(3, 9)
        elif chance.random() < severity:
            steps.append(_odd_step(chance, source, has_redis))
        else:
            steps.append(HONEST)
    return tuple(steps[:count])


def _odd_step(chance: random.Random, source: Source, has_redis: bool) -> Step:
    drawn = chance.random()
    answers: Sequence[str]
    if drawn < 0.3:
        answers = TRUTHS
    elif drawn < 0.45:
        answers = DOUBTS
    elif drawn < 0.9:
        answers = FAULTS
    elif drawn < 0.95:
        answers = WHOLE_REFUSALS
    else:
        answers = TURNS_AWAY
    event = _event(chance, source, has_redis) if chance.random() < _EVENT_SHARES[source] else None
    answer = chance.choice(answers)
    if event in KILLS and chance.random() < 0.25 and not has_redis:
        # With a Redis, the wait of a 429 would rightly hold for the next process too.
        answer, event = chance.choice(LONG_WAITS), "kill"
        return Step(answer, chance.random() < 0.5, chance.random(), event, "within")
    return Step(
        answer,
        chance.random() < 0.5,
        chance.random(),
        event,
        chance.choice(_MOMENTS),
        chance.uniform(0.1, 1.5),
    )


def _event(chance: random.Random, source: Source, has_redis: bool) -> str:
    own: Sequence[str] = GROUP_CHANGES if source == "broker" else KILLS
    return chance.choice([*own, *REDIS_LOSSES] if has_redis else own)
