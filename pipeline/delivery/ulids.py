"""ULIDs, by which Customer.io recognises an event that it has seen."""

from __future__ import annotations

import re

# 26 characters of Crockford's base 32 hold 130 bits. A ULID has 128, so the first is at most 7.
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE | re.ASCII)


def ulid_or(value: object, otherwise: str) -> str:
    """Return a value if it is a ULID, else another one.

    Other ids are not taken: Customer.io refuses them, and one that is not unique (a person's id, say) would
    make later events vanish.
    """
    return value if isinstance(value, str) and _ULID.fullmatch(value) else otherwise
