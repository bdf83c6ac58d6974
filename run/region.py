"""Asks the target for the account's region, before a run sends to it."""

from __future__ import annotations

from http import HTTPStatus

import requests

from config.customerio.hosts import check_region, is_loopback
from config.customerio.paths import REGION_PATH
from config.guarded_session import plain_session
from config.settings import Settings
from run.target import Target

_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 64 * 1024


def check_account_region(target: Target, settings: Settings, *, is_region_set: bool) -> None:
    """Return unless the target says that the account is in the other region.

    Nothing is asked without credentials, nor of this machine if no region is set: a stand-in has no region,
    and counts exactly the requests of the run. What does not answer, or answers something else, may still be
    a target: the run itself shows what is wrong with it.

    Args:
        target: of the run.
        settings: the credentials and the region.
        is_region_set: whether somebody has set the region.

    Raises:
        ConfigError: the account is in the other region.
    """
    if target.base_url is None or settings.credentials is None:
        return
    if is_loopback(target.base_url) and not is_region_set:
        return
    try:
        body = _answer(target.base_url, settings.credentials.authorization, target.ca_file)
    except (requests.RequestException, OSError):
        return
    check_region(body, target.base_url, settings.region)


def _answer(base_url: str, authorization: str, ca_file: str | None) -> bytes:
    # The target has been checked with the user's own --allow-live.
    with (
        plain_session(allow_live=True) as session,
        session.get(
            base_url + REGION_PATH,
            headers={"Authorization": authorization, "Accept-Encoding": "identity"},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
            verify=True if ca_file is None else ca_file,
            stream=True,
        ) as response,
    ):
        if response.status_code != HTTPStatus.OK:
            return b""
        return next(response.iter_content(_MOST_BYTES), b"")
