"""Numbers as text for people."""

from __future__ import annotations


def number_text(value: float) -> str:
    """Return three significant digits, or all digits of a whole number, in groups of three: ``87 600``."""
    # 999.5 has three digits only once it is rounded to 1000.
    if value == round(value) or abs(value) >= 999.5:
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.3g}"


def decimals_text(value: float) -> str:
    """Return two decimals, for columns of milliseconds whose points stand below each other: ``1 234.50``.

    Never 0.00 if that would hide something.
    """
    if 0 < value < 0.005:
        return "<0.01"
    return f"{value:,.2f}".replace(",", "\u202f")


def percent_text(share: float) -> str:
    """Return a share as percent; never 0% or 100% if that would hide something."""
    percent = share * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}".removesuffix(".0") + "%"


def milliseconds_text(value: float) -> str:
    """Return ``1.23 ms``, or seconds from 10 000 ms on."""
    return f"{number_text(value / 1000)} s" if value >= 10_000 else f"{number_text(value)} ms"


def duration_text(seconds: float) -> str:
    """Return ``4.5s``, ``9m``, ``1h30m``: durations as profiles write them."""
    if round(seconds, 1) < 60:
        return f"{number_text(round(seconds, 1))}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if n)


def clock_text(seconds: float) -> str:
    """Return a time of the run for an axis: ``1:05``, ``1:00:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
