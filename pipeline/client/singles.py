"""One operation in one request: the status speaks for it."""

from __future__ import annotations

from config.customerio.paths import ENTITY_PATH
from pipeline.client.attempts import Attempts
from pipeline.client.replies import Reply, has_problem, problem
from pipeline.client.transport import Fault
from pipeline.outcome import Delivered, Outcome, Refused

#: For ``on_retry``: an answer that refuses something and does not say what.
UNREADABLE_207 = "unreadable_207"


async def deliver_alone(
    attempts: Attempts, body: bytes, method: str = "POST", path: str = ENTITY_PATH, made_before: int = 0
) -> Outcome:
    """
    Args:
        made_before: requests that have carried the operation already.
    """
    reply, made = await attempts.request(method, path, body, _unreadable)
    made += made_before
    if reply.status < 300 and reply.status != 207:
        return Delivered(made)
    why = problem(reply)
    return Refused(made, reply.status, why.reason, why.field, why.message)


def _unreadable(reply: Reply) -> Fault | None:
    """A 207 to a single operation can only be its refusal; without a reason it says nothing."""
    if reply.status == 207 and not has_problem(reply):
        return Fault(UNREADABLE_207, "207 that names no reason")
    return None
