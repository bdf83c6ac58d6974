"""Which credentials are accepted."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from standin.endpoint import Auth

# How many values of the Authorization header are remembered as accepted or refused.
_REMEMBERED_AUTHORIZATIONS = 256


@dataclass(frozen=True)
class RequiredCredentials:
    """The credentials that requests must carry. Of what is ``None``, any non-empty value is accepted."""

    site_id: str | None = None
    api_key: str | None = None
    app_key: str | None = None
    write_key: str | None = None

    def accept(self, authorization: bytes) -> bool:
        """Whether an ``Authorization`` header has the site id and API key (HTTP Basic)."""
        pair = _basic_pair(authorization)
        if self.site_id is None or self.api_key is None:
            site_id, _, api_key = pair.partition(b":")
            return bool(site_id and api_key)
        return hmac.compare_digest(pair, f"{self.site_id}:{self.api_key}".encode())

    def accept_app_key(self, authorization: bytes) -> bool:
        """Whether an ``Authorization`` header has the App API key (a bearer token)."""
        scheme, _, token = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and _is_key(token.strip(), self.app_key)

    def accept_write_key(self, authorization: bytes) -> bool:
        """Whether an ``Authorization`` header has the write key (HTTP Basic, as the user)."""
        return _is_key(_basic_pair(authorization).partition(b":")[0], self.write_key)

    def checks(self) -> dict[Auth, Callable[[bytes], bool]]:
        """Return a check of the ``Authorization`` header for each kind of credentials.

        A load test sends the same header with every request, so results are remembered.
        """
        return {
            Auth.NONE: lambda authorization: True,
            Auth.SITE: lru_cache(_REMEMBERED_AUTHORIZATIONS)(self.accept),
            Auth.APP_KEY: lru_cache(_REMEMBERED_AUTHORIZATIONS)(self.accept_app_key),
            Auth.WRITE_KEY: lru_cache(_REMEMBERED_AUTHORIZATIONS)(self.accept_write_key),
        }


def _basic_pair(authorization: bytes) -> bytes:
    """Return the user and password of HTTP Basic, or ``b""`` if the header is anything else."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return b""


def _is_key(key: bytes, required: str | None) -> bool:
    return bool(key) if required is None else hmac.compare_digest(key, required.encode())
