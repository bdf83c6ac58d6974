"""How a plan writes its numbers."""

from __future__ import annotations


def rate_text(rate: float) -> str:
    """Return a rate with three digits, or as a whole number: ``5.79``, ``463``, ``7805``."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"


def count_text(number: float) -> str:
    """Return a number of things: ``833000``, ``8 M``, ``1.25 G``."""
    for factor, unit in ((1e9, " G"), (1e6, " M")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def size_text(size_bytes: float) -> str:
    """Return a size: ``750 MB``, ``1.2 GB``."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.3g} {unit}"
    return f"{size_bytes:.0f} B"
