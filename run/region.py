"""Asks the target for the account's region and environment, before a run sends to it."""

from __future__ import annotations

from http import HTTPStatus

import requests

from config.customerio.account import Account
from config.customerio.hosts import check_region, is_loopback
from config.customerio.paths import REGION_PATH
from config.errors import ConfigError
from config.guarded_session import plain_session
from config.settings import Settings
from run.target import Target

_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 64 * 1024


def check_account_region(target: Target, settings: Settings, *, is_region_set: bool) -> None:
    """Check that the target does not name another region for the account than the one in use.

    Nothing is asked without credentials, nor of this machine if no region is set: a stand-in has no region,
    and counts exactly the requests of the run. What does not answer, or answers something else, may still be
    a target: the run itself shows what is wrong with it.

    Args:
        target: where the run's requests go.
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
        status, body = _answer(target, target.base_url)
    except (requests.RequestException, OSError):
        return
    check_region(body if status == HTTPStatus.OK else b"", target.base_url, settings.region)


def live_account(target: Target, settings: Settings) -> Account:
    """Return the account of a live target, which has to answer before anything is sent there.

    Raises:
        ConfigError: the key does not work, the account is in the other region, or the answer names no
            environment.
    """
    if target.base_url is None:
        raise RuntimeError("internal error: a stand-in of the run's own has no account")
    place = f"{target.base_url}{REGION_PATH}"
    try:
        status, body = _answer(target, target.base_url)
    except (requests.RequestException, OSError) as error:
        raise ConfigError(f"{place}: expected an answer before a live run: {type(error).__name__}") from error
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ConfigError(f"{place}: {status}, the site id or the API key is wrong")
    if status != HTTPStatus.OK:
        raise ConfigError(f"{place}: expected status 200 before a live run, got {status}")
    check_region(body, target.base_url, settings.region)
    account = Account.from_answer(body)
    if account is None:
        raise ConfigError(f"{place}: expected an answer with environment_id before a live run")
    return account


def _answer(target: Target, base_url: str) -> tuple[int, bytes]:
    """Return the status and the beginning of the body."""
    # The target has been checked with the user's own --allow-live.
    with (
        plain_session(allow_live=True) as session,
        session.get(
            base_url + REGION_PATH,
            headers={"Authorization": target.credentials.authorization, "Accept-Encoding": "identity"},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
            verify=True if target.ca_file is None else target.ca_file,
            stream=True,
        ) as response,
    ):
        return response.status_code, next(response.iter_content(_MOST_BYTES), b"")
