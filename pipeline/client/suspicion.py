"""Tells a bad operation from an outage: while requests fail, a harmless write shows whether others succeed.

The write is an identify of a known person without attributes, with ``_update``, which never creates a person:
it changes nothing. The other traffic cannot show the same: at the end of a backfill there is none, and reads
such as that of the account's region may succeed while every write fails.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from config.customerio.answers import Judgement, Meaning
from config.customerio.paths import ENTITY_PATH
from pipeline.client.attempts import Attempts, IsStuck
from pipeline.operation import Operation

TrackApi = Literal["v1", "v2"]

#: A request is suspected after so many faults in a row. Fewer are everyday life.
SUSPECT_AFTER = 4


class Suspicion:
    """Decides whether a request that keeps failing is itself the cause.

    Args:
        attempts: makes the harmless writes.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._accepted: Operation | None = None

    def remember(self, operation: Operation) -> None:
        """Note an operation that Customer.io has accepted: its person is known to make no trouble."""
        self._accepted = operation

    async def are_others_accepted(self, suspects: Sequence[Operation], api: TrackApi) -> bool:
        """Make a harmless write, and return whether Customer.io accepts it.

        Args:
            suspects: while nothing has been accepted yet, the write is about the person of one of them.
            api: where to write.

        Raises:
            DeliveryError: as ``Attempts.request``.
        """
        # Any of the suspects may have the person who is the cause, so the next time it is another one.
        known = self._accepted or random.choice(suspects)  # noqa: S311 - no secret
        write = Operation("identify", known.person, {"_update": True})
        if api == "v2":
            answer = await self._attempts.request_once("POST", ENTITY_PATH, write.v2_item)
        else:
            answer = await self._attempts.request_once(write.v1_method, write.v1_path, write.v1_body)
        return isinstance(answer, Judgement) and answer.meaning is Meaning.ACCEPTED

    def of(self, suspects: Sequence[Operation], api: TrackApi) -> IsStuck:
        """Return the question for ``Attempts.request`` about a request that carries these operations."""

        async def is_stuck(faults: int) -> bool:
            return faults >= SUSPECT_AFTER and await self.are_others_accepted(suspects, api)

        return is_stuck


async def at_once(faults: int) -> bool:
    """Return that a request is stuck after any fault: for the parts of one that is known to be."""
    return True
