"""What the delivery really sends stays below the published sizes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from config.customerio.limits import limit
from pipeline.client import v2_item, with_deduplication_id
from pipeline.delivery.opening import open_delivery
from pipeline.operation import Operation
from pipeline.outcome import Delivered, Refused
from pipeline.settings import load_pipeline_settings
from tests.programs.track_client import run
from tests.servers.odd_server import OddServer, says

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def event_of(size_bytes: int, person: int) -> Operation:
    """An event whose v2 item has exactly that size."""
    empty = Operation("track", f"{person:04d}", {"a": ""}, event="visit", deduplication_id=ULID)
    filler = "x" * (size_bytes - len(empty.v2_item))
    return Operation("track", f"{person:04d}", {"a": filler}, event="visit", deduplication_id=ULID)


def test_full_batches_stay_below_500_000_bytes() -> None:
    server = OddServer()
    sizes: list[int] = []

    async def measure(request: web.Request) -> web.StreamResponse:
        server.answers.append(measure)
        sizes.append(request.content_length or 0)
        return await says(200)(request)

    server.answers.append(measure)
    # Item sizes that fill a batch to the last byte, and sizes around them.
    operations = [
        event_of(size, person) for person, size in enumerate([4999, 5000, 9999, 32_768, 1000, 997] * 100)
    ]

    async def main() -> None:
        async with server.serving():
            settings = load_pipeline_settings(
                {"CUSTOMERIO_BASE_URL": server.url, "BATCH_SIZE": "1000", "LIMIT_REQUESTS": "10000"}
            )
            async with open_delivery(settings) as delivery:
                sender = delivery.make_sender()
                futures = [await sender.add(operation) for operation in operations]
                await sender.flush()
                assert await asyncio.gather(*futures) == [Delivered(1)] * len(operations)

    run(main())
    assert sum(sizes) > sum(len(operation.v2_item) for operation in operations)
    assert max(sizes) < limit("v2_batch_bytes") == 500_000
    # No batch was cut short of what it could hold.
    assert max(sizes) > limit("v2_batch_bytes") - 32_768


def test_an_item_is_at_most_32_768_bytes_with_its_id() -> None:
    assert isinstance(v2_item(event_of(32_768, 1)), bytes)
    assert isinstance(v2_item(event_of(32_769, 1)), Refused)
    nameless = Operation("track", "1", {"a": "x" * (32_768 - 98)}, event="visit")
    assert isinstance(v2_item(nameless), bytes)
    assert isinstance(v2_item(with_deduplication_id(nameless)), Refused)
