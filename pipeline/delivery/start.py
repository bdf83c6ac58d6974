"""What has to be true before anything is read: Customer.io accepts the credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from config.errors import ConfigError
from pipeline.client import TrackClient
from pipeline.outcome import DeliveryError


async def unless_ended(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Does something that may take for ever, such as waiting for a server that is away.

    Returns:
        whether it was done; ``False`` if ``ended`` was set first.
    """
    doing = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)


async def check_credentials(client: TrackClient) -> None:
    """Returns once Customer.io has accepted them; waits while it is away.

    Raises:
        ConfigError: it refuses them, or the host is not Customer.io's.
    """
    try:
        await client.check_credentials()
    except DeliveryError as error:
        raise ConfigError(f"CUSTOMERIO_*: {error}") from error
