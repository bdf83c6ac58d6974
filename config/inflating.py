"""Inflates the compressed bodies of answers within a bound."""

from __future__ import annotations

import zlib


class InflateError(ValueError):
    """A body is damaged, or holds more than it may."""


def inflated(body: bytes, coding: str, most_bytes: int) -> bytes:
    """Return what a body stands for, of at most ``most_bytes``. Of an unknown coding it is the body itself.

    Args:
        body: as it was sent.
        coding: the value of ``Content-Encoding``.
        most_bytes: of the result. No more than one byte beyond it is ever inflated.

    Raises:
        InflateError: the body is damaged, cut short, or too large.
    """
    coding = coding.strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate") or not body:
        return body
    # 32: with the header of zlib or of gzip, whichever is there.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        result = inflater.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise InflateError(f"body is not {coding}: {error}") from error
    if len(result) > most_bytes:
        raise InflateError(f"body inflates to more than {most_bytes} bytes")
    if not inflater.eof:
        raise InflateError(f"body is not {coding}: cut short")
    return result
