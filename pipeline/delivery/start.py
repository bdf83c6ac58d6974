"""What has to be true before anything is read: Customer.io accepts the credentials."""

from __future__ import annotations

from config.errors import ConfigError
from pipeline.client import TrackClient
from pipeline.outcome import DeliveryError


async def check_credentials(client: TrackClient) -> None:
    """Returns once Customer.io has accepted them; waits while it is away.

    Raises:
        ConfigError: it refuses them, or the host is not Customer.io's.
    """
    try:
        await client.check_credentials()
    except DeliveryError as error:
        raise ConfigError(f"CUSTOMERIO_*: {error}") from error
