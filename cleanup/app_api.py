"""Who is there: asked of the App API, which has a key of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import quote

import requests

from config.customerio.hosts import is_loopback, region_of
from config.customerio.limits import limit
from config.errors import ConfigError
from config.guarded_session import plain_session

KEY_VARIABLE = "CUSTOMERIO_APP_KEY"

_HOSTS = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}
_IDS_PER_REQUEST = 100
_IDS_PER_PAGE = 1000
_TIMEOUT_SECONDS = 30.0
_MOST_BODY_BYTES = 16 * 1024 * 1024
_MOST_ATTEMPTS = 10
# Other programs of the workspace share its limit.
_GAP_SECONDS = 2.0 / limit("app_requests_per_second")
_MOST_WAIT_SECONDS = 30.0


class AppApiError(Exception):
    """The App API did not answer a question. Nothing is known of who is left."""


def app_url(track_url: str) -> str | None:
    """Return where the App API of a Track API's workspace is; ``None`` if nobody can know."""
    region = region_of(track_url)
    if region is not None:
        return _HOSTS[region]
    # A stand-in serves both on one port.
    return track_url if is_loopback(track_url) else None


class AppApi:
    """Reads people.

    Args:
        url: of the App API.
        key: its key.
        ca_file: the authority to trust instead of the system's.
    """

    def __init__(self, url: str, key: str, ca_file: str | None = None) -> None:
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ConfigError(f"{KEY_VARIABLE}: expected printable ASCII without spaces")
        self._url = url
        self._session = plain_session(_MOST_BODY_BYTES, allow_live=True)
        self._session.headers["Authorization"] = f"Bearer {key}"
        if ca_file is not None:
            self._session.verify = ca_file

    def who_is_left(self, ids: Iterable[str]) -> list[str]:
        """Return those of the ids that belong to somebody.

        Raises:
            AppApiError: it does not say.
        """
        left: list[str] = []
        remaining = iter(ids)
        while some := list(islice(remaining, _IDS_PER_REQUEST)):
            answer = self._ask("/v1/customers/attributes", {"ids": some})
            found = {str(person.get("id")) for person in _entries(answer, "customers")}
            # Only those that were asked for: an answer is not ours to believe.
            left += [person_id for person_id in some if person_id in found]
        return left

    def load_test_ids(self) -> Iterator[str | None]:
        """Yield the id of everybody with the attribute ``_load_test``; ``None`` for a person without one.

        Raises:
            AppApiError: it does not say.
        """
        marked = {"attribute": {"field": "_load_test", "operator": "eq", "value": "true"}}
        start = ""
        while True:
            following = f"&start={quote(start, safe='')}" if start else ""
            page = f"/v1/customers?limit={_IDS_PER_PAGE}{following}"
            answer = self._ask(page, {"filter": {"and": [marked]}})
            for person in _entries(answer, "identifiers"):
                yield str(person["id"]) if person.get("id") is not None else None
            more = answer.get("next")
            if not isinstance(more, str) or not more or more == start:
                return
            start = more

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, path: str, question: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            time.sleep(_GAP_SECONDS)
            try:
                response = self._session.post(self._url + path, json=question, timeout=_TIMEOUT_SECONDS)
            except requests.RequestException as error:
                raise AppApiError(f"{self._url}: {type(error).__name__}") from error
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and attempt < _MOST_ATTEMPTS:
                time.sleep(_wait_seconds(response))
                continue
            if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise AppApiError(f"{response.status_code} from {self._url}: {KEY_VARIABLE} is wrong")
            if response.status_code != HTTPStatus.OK:
                break
            try:
                answer = response.json()
            except (ValueError, RecursionError):
                answer = None
            if not isinstance(answer, dict):
                raise AppApiError(f"{self._url}: expected JSON, an object")
            return answer
        raise AppApiError(f"{response.status_code} from {self._url}")


def _entries(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = answer.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AppApiError(f"expected a list of {name} in the App API's answer")
    return entries


def _wait_seconds(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _MOST_WAIT_SECONDS) if text.isascii() and text.isdigit() else 1.0
