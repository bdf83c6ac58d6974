"""The account that credentials belong to, as ``GET /accounts/region`` names it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from config.customerio.hosts import Region, region_in_answer


@dataclass(frozen=True)
class Account:
    """The workspace, which Customer.io calls an environment here, and its region if the answer names one."""

    environment_id: str
    region: Region | None

    @classmethod
    def from_answer(cls, body: bytes) -> Self | None:
        """Return the account in an answer's body, or ``None`` if it names no environment.

        Customer.io describes the id as a number. A text is taken too, as it is only shown and compared.
        """
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return None
        named = content.get("environment_id") if isinstance(content, dict) else None
        if isinstance(named, bool) or not isinstance(named, int | str) or not str(named).strip():
            return None
        return cls(str(named).strip(), region_in_answer(body))
