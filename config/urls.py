"""Splits the URLs in settings and arguments."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit


def split_url(text: str, schemes: Collection[str]) -> SplitResult | None:
    """Split a URL; return ``None`` unless it is ``scheme://host[:port][/path]`` with one of ``schemes``.

    A query or a fragment is refused too: it may contain a secret, and a run writes its URLs to files.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment:
        return None
    return parts
