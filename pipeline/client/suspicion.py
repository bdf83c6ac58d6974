"""Tells a bad operation from an outage: while requests fail, a harmless write shows whether others succeed.

The write is an identify of a known person without attributes, with ``_update``, which never creates a person:
it changes nothing. The Pipelines API has no ``_update``; there it is an identify of an anonymous id alone,
which nobody has. The other traffic cannot show the same: at the end of a backfill there is none, and reads
such as that of the account's region may succeed while every write fails.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from config.customerio.answers import Judgement, Meaning
from config.customerio.paths import ENTITY_PATH, PIPELINES_PATH
from pipeline.client.attempts import Attempts, IsStuck
from pipeline.client.before_sending import LoneRequest, TrackApi
from pipeline.operation import AnyOperation, Operation, compact_json

#: A request is suspected after so many faults in a row. Fewer are everyday life.
SUSPECT_AFTER = 4


_IDENTIFY_NOBODY = LoneRequest(
    "POST", PIPELINES_PATH + "identify", b'{"anonymousId":"customerio-load-probe","traits":{}}'
)


class Suspicion:
    """Decides whether a request that keeps failing is itself the cause.

    Args:
        attempts: makes the harmless writes.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._accepted: AnyOperation | None = None

    def remember(self, operation: AnyOperation) -> None:
        """Note an operation that Customer.io has accepted: its person is known to make no trouble."""
        if operation.identifiers is not None:
            self._accepted = operation

    async def are_others_accepted(self, suspects: Sequence[AnyOperation], api: TrackApi) -> bool:
        """Make a harmless write, and return whether Customer.io accepts it.

        Args:
            suspects: while nothing has been accepted yet, the write is about the person of one of them. If
                they have none, nothing is written, and nothing is known of others.
            api: where to write.

        Raises:
            DeliveryError: as ``Attempts.request``.
        """
        if api == "pipelines":
            answer = await self._attempts.request_once(*_IDENTIFY_NOBODY)
            return isinstance(answer, Judgement) and answer.meaning is Meaning.ACCEPTED
        known = self._accepted
        if known is None:
            people = [operation for operation in suspects if operation.identifiers is not None]
            # Any of them may have the person who is the cause, so the next time it is another one.
            known = random.choice(people) if people else None  # noqa: S311 - no secret
        if known is None:
            return False
        answer = await self._attempts.request_once(*_harmless_write(known, api))
        return isinstance(answer, Judgement) and answer.meaning is Meaning.ACCEPTED

    def of(self, suspects: Sequence[AnyOperation], api: TrackApi) -> IsStuck:
        """Return the question for ``Attempts.request`` about a request that carries these operations."""
        accepted = 0

        async def is_stuck(faults: int) -> bool:
            nonlocal accepted
            if faults < SUSPECT_AFTER:
                return False
            accepted = accepted + 1 if await self.are_others_accepted(suspects, api) else 0
            # Once may mean that an outage has ended since the last fault. The request has another try.
            return accepted > 1

        return is_stuck


def _harmless_write(known: AnyOperation, api: TrackApi) -> LoneRequest:
    """Return an identify of the operation's person that neither creates nor changes anybody."""
    nothing = {"_update": True}
    if api == "v1" and isinstance(known, Operation):
        identify = Operation("identify", known.person, nothing)
        return LoneRequest(identify.v1_method, identify.v1_path, identify.v1_body)
    content = {
        "type": "person",
        "identifiers": known.identifiers,
        "action": "identify",
        "attributes": nothing,
    }
    return LoneRequest("POST", ENTITY_PATH, compact_json(content))


async def at_once(faults: int) -> bool:
    """Return that a request is stuck after any fault: for the parts of one that is known to be."""
    return True
