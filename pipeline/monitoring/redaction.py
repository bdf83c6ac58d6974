"""Keeps secrets out of text that others wrote: messages and exceptions of libraries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from config.settings import Credentials

_HIDDEN = "***"
_SHORTEST = 8
_PATTERNS = (
    # HTTP credentials, with or without their header.
    (re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # Everything of a URL before its @. Not past a quote or a blank: that is another word.
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
    """Replaces secrets by ``***``: those it is told of wherever they stand, others by where they stand.

    Args:
        secrets: exact values; also found as they look inside a URL and inside JSON. Those of fewer than eight
            characters are not looked for: they are words such as ``standin``, and hiding them would spoil
            other text. Where they stand as a secret does they are hidden like all others.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        # The longest first: a secret may be a part of another one.
        ordered = sorted(forms, key=len, reverse=True)
        self._exact = re.compile("|".join(re.escape(form) for form in ordered)) if ordered else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._exact is not None:
            text = self._exact.sub(_HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: object) -> object:
        """Anything, as it may go into JSON: numbers and the like as they are, the rest without secrets."""
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
        # {"password": "x"}: the value alone does not show what it is.
        if isinstance(value, str) and self.text(f"{name}={value}").endswith(f"={_HIDDEN}"):
            return _HIDDEN
        return self.value(value)


def known_secrets(
    credentials: Credentials, redis_url: str | None = None, kafka_password: str | None = None
) -> list[str]:
    """What must not be seen of the settings: the API key, both of the pair in one, the two passwords."""
    secrets = [credentials.api_key, credentials.authorization.removeprefix("Basic ")]
    password = urlsplit(redis_url).password if redis_url else None
    if password:
        secrets += [password, unquote(password)]
    if kafka_password:
        secrets.append(kafka_password)
    return secrets


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
