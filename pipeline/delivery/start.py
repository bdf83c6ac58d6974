"""Checks, before a message is read, that Customer.io accepts the credentials and is in the right region."""

from __future__ import annotations

from config.customerio.hosts import check_region
from config.errors import ConfigError
from pipeline.client import TrackClient
from pipeline.outcome import DeliveryError
from pipeline.settings import TargetSettings


async def check_account(client: TrackClient, target: TargetSettings) -> None:
    """Wait until Customer.io has accepted the credentials, and compare the account's region with ours.

    Raises:
        ConfigError: Customer.io refuses the credentials, the host is not the Track API, or the account is in
            the other region.
    """
    try:
        if target.api == "pipelines":
            # This API does not say in which region the account is.
            await client.check_write_key()
            return
        answer = await client.check_credentials()
    except DeliveryError as error:
        raise ConfigError(f"CUSTOMERIO_*: {error}") from error
    check_region(answer, target.base_url, target.region)
