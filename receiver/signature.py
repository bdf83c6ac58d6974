"""Whether a request is from Customer.io, and from just now."""

from __future__ import annotations

import hashlib
import hmac


class Signature:
    """Checks ``X-CIO-Signature``: hex HMAC-SHA256 over ``v0:<timestamp>:<body>``.

    Args:
        key: the webhook's signing key.
        max_age_seconds: how far ``X-CIO-Timestamp`` may be from now, in either direction. Within that time a
            copied request passes, so events are de-duplicated as well.
    """

    def __init__(self, key: str, max_age_seconds: float) -> None:
        self._key = key.encode()
        self._max_age_seconds = max_age_seconds

    def of(self, timestamp: bytes, body: bytes) -> bytes:
        """Return the signature of a body."""
        digest = hmac.new(self._key, b"v0:" + timestamp + b":", hashlib.sha256)
        digest.update(body)
        return digest.hexdigest().encode()

    def accepts(self, timestamp: bytes, signature: bytes, body: bytes, now: float) -> bool:
        """Whether the signature is right and the timestamp is recent.

        Both are always looked at, and the signature is compared in constant time: how long a refusal takes
        does not tell which of the two was wrong, or how much of a signature was right.
        """
        genuine = hmac.compare_digest(self.of(timestamp, body), signature)
        # More digits than any time of ours has would cost time to parse.
        is_time = timestamp.isdigit() and len(timestamp) <= 12
        recent = abs(now - int(timestamp if is_time else b"0")) <= self._max_age_seconds
        return genuine & is_time & recent
