"""Redacts secrets in text that we did not write: answers of servers, messages and exceptions of libraries."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

_HIDDEN = "***"
_SHORTEST = 8
_PATTERNS = (
    # HTTP credentials, with or without the name of their header.
    (re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # The credentials of a URL, up to its @. A quote or a blank ends the URL.
    (re.compile(r"://[^\s/@'\"<>]*:[^\s@'\"<>]*@"), f"://{_HIDDEN}@"),
    # name=value, name: value, 'name': 'value', as in reprs and connection strings.
    (
        re.compile(
            r"""((?:password|passwd|secret|api_?key|site_id|authorization|token)["']?\s*[=:]\s*)"""
            r"""(?:"[^"]*"|'[^']*'|(?:Basic |Bearer )?[^\s,;&)}\]"']+)""",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
)


class Redactor:
    """Replaces secrets by ``***``: known values everywhere, others after names such as ``password=``.

    Args:
        secrets: the known values. They are also found in the form they have inside a URL or JSON. Values of
            fewer than eight characters are not searched for: they may be words such as ``standin``, which
            stand in other text, too. After a name such as ``password=`` they are redacted all the same.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        # The longest first: a secret may be a part of another one.
        ordered = sorted(forms, key=len, reverse=True)
        self.longest = max(map(len, forms), default=0)
        """Characters of the longest form of a known secret."""
        self._exact = re.compile("|".join(re.escape(form) for form in ordered)) if ordered else None

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._exact is not None:
            text = self._exact.sub(_HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: object) -> object:
        """Return a value that can be written as JSON, with secrets redacted in every string."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if abs(value) < float("inf") else str(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._field(str(key), content) for key, content in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(element) for element in value]
        return self.text(str(value))

    def _field(self, name: str, value: object) -> object:
        # {"password": "x"}: only the name shows that the value is a secret.
        if isinstance(value, str) and self.text(f"{name}={value}").endswith(f"={_HIDDEN}"):
            return _HIDDEN
        return self.value(value)


def secrets_of_sign_in(authorization: str) -> list[str]:
    """Return the secrets in an ``Authorization`` header's value: a token, or a pair and both its halves."""
    encoded = authorization.removeprefix("Basic ").removeprefix("Bearer ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return [encoded]
    return [encoded, pair, *pair.split(":", 1)]


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
