"""What has to be true before anything is read: Customer.io accepts the credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from config.errors import ConfigError
from pipeline.client import TrackClient
from pipeline.outcome import DeliveryError

_CANCEL_SECONDS = 0.5


async def unless_ended(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Does something that may take for ever, such as waiting for a server that is away.

    Returns:
        whether it was done; ``False`` if ``ended`` was set first. The work has been cancelled and is over
        then; what it raises on its way out is dropped.
    """
    doing = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        if doing.cancelled():
            raise RuntimeError("the work was cancelled by nobody")
        doing.result()
        return True
    finally:
        for task in (doing, waiting):
            # Again, if a library has swallowed it.
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_SECONDS)


async def check_credentials(client: TrackClient) -> None:
    """Returns once Customer.io has accepted them; waits while it is away.

    Raises:
        ConfigError: it refuses them, or the host is not Customer.io's.
    """
    try:
        await client.check_credentials()
    except DeliveryError as error:
        raise ConfigError(f"CUSTOMERIO_*: {error}") from error
