"""A client for the stand-in's control pages: what it has seen, and how it is told to misbehave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

_TIMEOUT_SECONDS = 10


class ControlClient:
    """The pages below ``/_standin/`` of one stand-in.

    Args:
        url: where the stand-in listens.
        ca_file: the certificate authority to trust, for a stand-in with TLS.
    """

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        self._url = url
        self._session = requests.Session()
        # A stand-in is on this machine or beside it: never behind the proxy that the environment names.
        self._session.trust_env = False
        # A connection for each request: the stand-in may be told to close idle ones at any moment.
        self._session.headers["Connection"] = "close"
        if ca_file is not None:
            self._session.verify = ca_file

    def stats(self) -> dict[str, Any]:
        """Return ``GET /_standin/stats``. The journal is written up to here when it returns."""
        return self._ask("GET", "stats")

    def arrivals(self, operation: str) -> list[float]:
        """Return seconds from the first arrival to each of this operation; needs ``--record-arrivals``."""
        offsets: list[float] = self._ask("GET", f"arrivals?operation={operation}")["offsets"]
        return offsets

    def person(self, identifier: str) -> dict[str, Any] | None:
        """Return what is stored of a person, or ``None``."""
        page = f"{self._url}/_standin/people/{quote(identifier, safe='')}"
        response = self._session.get(page, timeout=_TIMEOUT_SECONDS)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        person: dict[str, Any] = response.json()
        return person

    def set_faults(self, **faults: Any) -> dict[str, Any]:
        """Send ``POST /_standin/faults`` and return the faults now in force."""
        return self._ask("POST", "faults", faults)

    def reset(self) -> None:
        """Empty the store and set the counts to zero."""
        self._ask("POST", "reset")

    def close(self) -> None:
        """Give back what the client holds."""
        self._session.close()

    def _ask(self, method: str, page: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._session.request(
            method, f"{self._url}/_standin/{page}", json=content, timeout=_TIMEOUT_SECONDS
        )
        if response.status_code != 200:
            raise ValueError(f"{method} {page}: {response.status_code} {response.text}")
        answer: dict[str, Any] = response.json()
        return answer


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a stand-in that was started with ``--journal PATH``, all applied so far."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
