"""One operation in one request: whatever the answer says is about it."""

from __future__ import annotations

from config.customerio.answers import Judgement, Problem
from pipeline.client.attempts import Attempts, IsStuck
from pipeline.client.before_sending import LoneRequest
from pipeline.outcome import Delivered, Outcome, Refused


async def deliver_alone(
    attempts: Attempts, request: LoneRequest, made_before: int = 0, is_stuck: IsStuck | None = None
) -> Outcome:
    """Deliver one operation and return the outcome; raises as ``Attempts.request``.

    Args:
        attempts: makes the request.
        request: carries the operation.
        made_before: requests that have carried the operation already.
        is_stuck: see ``Attempts.request``.
    """
    judgement, made = await attempts.request(request.method, request.path, request.body, is_stuck=is_stuck)
    return outcome_of(judgement, made_before + made)


def outcome_of(judgement: Judgement, attempts: int) -> Outcome:
    """Return the outcome of the only operation of a request, after so many requests."""
    problem = judgement.refused.get(0, judgement.problem)
    return Delivered(attempts) if problem is None else refused(attempts, judgement.status, problem)


def refused(attempts: int, status: int, problem: Problem) -> Refused:
    """Return the outcome of an operation that Customer.io refuses."""
    return Refused(attempts, status, problem.reason, problem.field, problem.message)
