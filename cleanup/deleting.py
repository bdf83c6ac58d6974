"""Deletes people one by one, through the delivery pipeline's client and rate limiter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

from config.errors import ConfigError
from config.load_test_people import OBJECT_TYPE, has_mark
from pipeline.client import TrackClient
from pipeline.limiter import LimiterSettings, open_limiter
from pipeline.operation import NativeOperation
from pipeline.outcome import Refused
from pipeline.settings import TargetSettings

# After so many the journal is written: a clean-up that is killed repeats no more than these.
_PER_STEP = 50
_CONCURRENCY = 10


@dataclass(frozen=True)
class NotDeleted:
    """A person whom Customer.io refuses to delete, and why."""

    person_id: str
    reason: str


@asynccontextmanager
async def open_client(target: TargetSettings, requests_per_second: int) -> AsyncIterator[TrackClient]:
    """Open a client that starts at most so many requests in any second, evenly.

    Raises:
        ConfigError: the certificate file cannot be read.
    """
    limiter = await open_limiter(
        LimiterSettings(
            requests=requests_per_second,
            concurrency=min(_CONCURRENCY, requests_per_second),
            min_gap_seconds=0.9 / requests_per_second,
        )
    )
    try:
        client = TrackClient(
            base_url=target.base_url,
            credentials=target.credentials,
            limiter=limiter,
            connections=_CONCURRENCY,
            ca_file=target.ca_file,
        )
        try:
            await client.__aenter__()
        except OSError as error:
            raise ConfigError("CUSTOMERIO_CA_FILE: expected a PEM file with certificates") from error
        try:
            yield client
        finally:
            await client.__aexit__(None, None, None)
    finally:
        await limiter.aclose()


async def delete_people(
    client: TrackClient, ids: Iterable[str], when_deleted: Callable[[int], None], *, are_objects: bool = False
) -> list[NotDeleted]:
    """Delete people or objects, and return those that Customer.io refuses to delete.

    To delete somebody who is not there is no error. Nobody is suppressed: such an id could never come back.

    Args:
        client: of the workspace.
        ids: of the people, or of the objects.
        when_deleted: called after each step with the number of ids that are done in it.

    Raises:
        ValueError: an id has not the mark of a load test; nobody of its step is deleted.
        DeliveryError: nothing can be deleted now.
    """
    refused: list[NotDeleted] = []
    remaining = iter(ids)
    while step := list(islice(remaining, _PER_STEP)):
        operations = [_deletion(marked_id, is_object=are_objects) for marked_id in step]
        outcomes = await asyncio.gather(*(client.send_entity(operation) for operation in operations))
        refused += [
            NotDeleted(person_id, outcome.message or outcome.reason)
            for person_id, outcome in zip(step, outcomes, strict=True)
            if isinstance(outcome, Refused)
        ]
        when_deleted(len(step))
    return refused


def _deletion(person_id: str, *, is_object: bool = False) -> NativeOperation:
    if not has_mark(person_id):
        raise ValueError("an id without the mark of a load test")
    if is_object:
        which = {"object_type_id": OBJECT_TYPE, "object_id": person_id}
        content = {"type": "object", "identifiers": which, "action": "delete"}
        return NativeOperation("delete", content, person_id, None)
    who = {"id": person_id}
    content = {"type": "person", "identifiers": who, "action": "delete"}
    return NativeOperation("delete", content, person_id, who)
