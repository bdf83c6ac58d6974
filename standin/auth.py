"""HTTP Basic authentication with a site id and an API key."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    """The pair that is demanded; without one, any pair of two non-empty halves will do."""

    site_id: str | None = None
    api_key: str | None = None

    def accept(self, authorization: bytes) -> bool:
        """Whether an ``Authorization`` header's value is good enough."""
        scheme, _, encoded = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return False
        try:
            pair = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            return False
        site_id, _, api_key = pair.partition(b":")
        if self.site_id is None or self.api_key is None:
            return bool(site_id and api_key)
        return hmac.compare_digest(pair, f"{self.site_id}:{self.api_key}".encode())
