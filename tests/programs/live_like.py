"""A stand-in that the load test has to treat as a live workspace, and what names it as one."""

from __future__ import annotations

from standin.track_v1 import ENVIRONMENT_ID
from tests.servers.standin_server import StandinServer

ENVIRONMENT = str(ENVIRONMENT_ID)
CREDENTIALS = {"CUSTOMERIO_SITE_ID": "site-0123456789", "CUSTOMERIO_API_KEY": "hush-hush-secret"}


def live_settings(standin: StandinServer) -> dict[str, str]:
    """Return the environment in which the stand-in counts as live."""
    return {
        **CREDENTIALS,
        "CUSTOMERIO_BASE_URL": standin.url,
        "CUSTOMERIO_LIVE_HOSTS": f"127.0.0.1:{standin.port}",
    }
