"""Takes URLs of settings and arguments apart."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit


def split_url(text: str, schemes: Collection[str]) -> SplitResult | None:
    """Its parts; ``None`` unless it is ``scheme://host[:port][/path]`` with one of the schemes.

    A query or a fragment is refused too: it may hold a secret, and what is given stands in files of a run.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment:
        return None
    return parts
