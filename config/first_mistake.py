"""What pydantic found wrong in data from elsewhere, in one line that repeats none of it."""

from __future__ import annotations

from pydantic import ValidationError


def first_mistake(error: ValidationError, whole: str) -> str:
    """Return the place of the first mistake, and what is wrong there.

    Args:
        error: of pydantic.
        whole: what the data is, in place of a place if all of it is wrong.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or whole}: {first['msg']}"
