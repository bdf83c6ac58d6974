"""Checks, before a message is read, that Customer.io accepts the credentials."""

from __future__ import annotations

from config.errors import ConfigError
from pipeline.client import TrackClient
from pipeline.outcome import DeliveryError


async def check_credentials(client: TrackClient) -> None:
    """Wait until Customer.io has accepted the credentials.

    Raises:
        ConfigError: Customer.io refuses them, or the host is not the Track API.
    """
    try:
        await client.check_credentials()
    except DeliveryError as error:
        raise ConfigError(f"CUSTOMERIO_*: {error}") from error
