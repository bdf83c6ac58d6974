"""Says what a server answered, for people: without a secret, on one line, of bounded length."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from config.redaction import Redactor, secrets_of_sign_in
from config.shown import visible

_MOST_CHARACTERS = 300
# What is searched for secrets: all of a failure's text is looked at for each failure, under load.
_SEARCHED_CHARACTERS = 1000


class AnswerText:
    """Describes answers and errors of one server, which may repeat what was sent to it.

    Args:
        authorization: the value of the Authorization header that it was sent.
    """

    def __init__(self, authorization: str) -> None:
        self._redactor = Redactor(secrets_of_sign_in(authorization))

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, authorization: str) -> AnswerText:
        """Return the same one for all VUs: to prepare the search takes longer than a request."""
        return cls(authorization)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> str:
        """Return the status, the headers that say what to do next, and the beginning of the body."""
        lines = [f"HTTP {status}"]
        for name in ("Location", "Retry-After"):
            if name in headers:
                lines.append(f"{name}: {visible(self._redacted(headers[name]))}")
        text = body[: 4 * _SEARCHED_CHARACTERS].decode("utf-8", "replace").strip()
        return ", ".join([*lines, f"body: {self._redacted(text)!r}"])

    def error(self, error: BaseException) -> str:
        """Return the type and the text of an error, which may quote the server."""
        return visible(self._redacted(f"{type(error).__name__}: {error}"))

    def _redacted(self, text: str) -> str:
        redacted = self._redactor.text(text[:_SEARCHED_CHARACTERS])
        if len(text) > _SEARCHED_CHARACTERS:
            # A secret that the cut has parted was not found, and may be at the end.
            redacted = redacted[: max(0, len(redacted) - self._redactor.longest)]
        return redacted[:_MOST_CHARACTERS]
