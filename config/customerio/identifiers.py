"""What names a person: the kinds of identifier, their shapes, and which ones cannot be sent.

The official clients put whatever they are given into the path of Track v1, where Customer.io tells the kinds
apart by their shape. Track v2 has a field for each kind, so there the shape must be read before sending.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal
from urllib.parse import unquote

from config.customerio.limits import limit

IdentifierKind = Literal["id", "email", "cio_id"]

_MOST_BYTES = limit("identifier_bytes")
_CIO_PREFIX = "cio_"
_EMAIL = re.compile(r"[^@]+@[^@]+")
# Nearly all ids and addresses are of this form, to which no path or front end gives a meaning.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.@+:|-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS = re.compile(r"[/\\]")


def identifier_by_shape(text: str) -> tuple[IdentifierKind, str]:
    """Return the kind and the value: an e-mail address, ``cio_<cio_id>``, or else an id."""
    if _EMAIL.fullmatch(text):
        # First of all: a cio_id has no '@', but an address may begin with cio_.
        return "email", text
    if text.startswith(_CIO_PREFIX):
        return "cio_id", text.removeprefix(_CIO_PREFIX)
    return "id", text


def flaw_of_identifier(text: str) -> str | None:
    """Return why an identifier cannot be sent, without repeating it, or ``None``.

    Besides what Customer.io's limits exclude, these are the identifiers that a v1 path would swallow. They
    are refused in v2 too: an identifier means the same in both, whichever the settings choose.

    - ``.`` and ``..`` cannot be escaped: ``%2E`` means the same (RFC 3986, 6.2.2.2), and what normalises a
      path removes the segment, so that the request reaches another endpoint. Some front ends decode ``%2F``,
      or decode twice, before they normalise. So every part between slashes counts, after full decoding.
    - The same front ends drop a slash at either end, which makes ``/ada`` the person ``ada``. Slashes within
      (``a/b``, ``https://id.example.com/7``) stay allowed: Customer.io splits a path before it decodes it.
    - Some drop a part's parameters (``..;x``) and its blanks, or take wide dots for dots, before that.
    - Control characters end or split a request for many front ends.
    """
    if text == _CIO_PREFIX:
        return f"expected a cio_id behind {_CIO_PREFIX!r}"
    flaw = None if _PLAIN.fullmatch(text) else _flaw_in_path(text)
    if flaw is not None:
        return flaw
    size = len(text.encode())
    return f"{size} bytes, at most {_MOST_BYTES} are allowed" if size > _MOST_BYTES else None


def _flaw_in_path(text: str) -> str | None:
    if not text.strip():
        return "empty"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair: surrogates have no UTF-8 form"
    decoded = unicodedata.normalize("NFKC", _decoded(text))
    if _CONTROL.search(decoded):
        return "has a control character"
    parts = _SEPARATORS.split(decoded)
    if not {".", ".."}.isdisjoint(part.partition(";")[0].strip() for part in parts):
        return "has a part '.' or '..', which a URL's path would lose"
    if not (parts[0] and parts[-1]):
        return "begins or ends with a slash, which a URL's path would lose"
    return None


def _decoded(text: str) -> str:
    while "%" in text and (shorter := unquote(text)) != text:
        text = shorter
    return text
