"""The ``Retry-After`` header (RFC 9110, 10.2.3): seconds, or a date in any of HTTP's three forms."""

from __future__ import annotations

import datetime
import re
from email.utils import parsedate_to_datetime

# The RFC has no fractions; some servers send them.
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def parse_retry_after(text: str | None, now: datetime.datetime) -> float | None:
    """Return seconds from ``now``, 0 or more, or ``None`` for no header or one of another form.

    Args:
        text: the header's value, if the reply has one.
        now: the wall clock's time with its zone, with which a date in the header is compared.
    """
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        # The form of C's asctime() names no zone; HTTP's dates are in UTC.
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, (date - now).total_seconds())
