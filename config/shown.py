"""Shows text that others wrote: on one line, without control characters and without a URL's secrets."""

from __future__ import annotations

import re

LONGEST_PATH = 300
"""Of a path, or of the place of an option, so many characters are shown."""

_MOST_CHARACTERS = 60
# Where the host of a URL ends, or what could be one.
_HOST_END = re.compile(r"[/?#\\;&=\s]")


def visible(text: str) -> str:
    """Return the text with an escape for each character that a terminal would act on or not show.

    Such as ESC, line breaks, and the marks that turn the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def shown(value: object) -> str:
    """Return a user's value in quotes, on one line, shortened to 60 characters."""
    try:
        text = value[: _MOST_CHARACTERS + 1] if isinstance(value, str) else str(value)
    except (RecursionError, ValueError):
        # Nested too deeply, or a number of more digits than Python writes.
        return f"a {type(value).__name__}"
    text = visible(text)
    quoted = text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."
    return f"'{quoted}'" if isinstance(value, str) else quoted


def shown_url(text: str) -> str:
    """Return the scheme and the host of a URL in quotes; of one with a user no more than the scheme.

    A user's mistake may be anywhere in a URL, and so may a secret.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if not scheme.isalnum() and scheme:
        return "'...'"
    host = "" if "@" in text else _HOST_END.split(rest, maxsplit=1)[0]
    more = "" if host == rest else "..."
    return shown(f"{scheme}{separator}{host}")[:-1] + f"{more}'"
