"""What an answer says: which operations are refused, and why, in all the forms that a refusal has.

Customer.io's published description has three: ``{"meta": {"error": "..."}}``, ``{"meta": {"errors": [...]}}``
and ``{"errors": [{"reason", "field", "message", "batch_index"}]}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_LONGEST_TEXT = 500


@dataclass(frozen=True)
class Reply:
    """A complete answer.

    Args:
        status: its HTTP status.
        body: at most ``transport.MAX_REPLY_BYTES`` of it.
        retry_after_seconds: what it asks for, if it does.
        location: where it redirects to.
    """

    status: int
    body: bytes = b""
    retry_after_seconds: float | None = None
    location: str | None = None


@dataclass(frozen=True)
class Problem:
    """Why an operation is refused: a word, the field as Customer.io names it, a text for people."""

    reason: str
    field: str
    message: str


def problem(reply: Reply) -> Problem:
    """Why the only operation of a request is refused; from the status alone if the body has no reason."""
    problems = [each for _, each in _problems(reply.body)]
    if reply.status == 413:
        # A proxy's answer as likely as Customer.io's: the body's word may be any.
        return Problem("too_large", "", problems[0].message if problems else "413: the request is too large")
    if problems:
        return _joined(problems)
    reason = "invalid" if reply.status == 400 else f"status_{reply.status}"
    return Problem(reason, "", f"{reply.status} without a reason that can be read")


def is_plain_success(reply: Reply) -> bool:
    """Whether a success is one that the Track API gives: nothing, or a JSON object."""
    if not reply.body.strip():
        return True
    try:
        return isinstance(json.loads(reply.body), dict)
    except (ValueError, RecursionError):
        return False


def has_problem(reply: Reply) -> bool:
    """Whether the body gives a reason for a refusal."""
    return bool(_problems(reply.body))


def named_problems(reply: Reply, items: int) -> dict[int, Problem]:
    """The refused items of a batch by their index; what names no item of it is left out."""
    by_index: dict[int, list[Problem]] = {}
    for index, each in _problems(reply.body):
        if _is_index(index, items):
            by_index.setdefault(index, []).append(each)
    return {index: _joined(problems) for index, problems in by_index.items()}


def partial_problems(reply: Reply, items: int) -> dict[int, Problem] | None:
    """The refused items of a 207.

    Returns:
        ``None`` if it can't be relied on: no JSON, nobody named, or something named that is no item
        of the batch. Then nobody knows which items were taken.
    """
    problems = _problems(reply.body)
    if not problems or not all(_is_index(index, items) for index, _ in problems):
        return None
    return named_problems(reply, items)


def _problems(body: bytes) -> list[tuple[Any, Problem]]:
    """All problems in a body, each with its ``batch_index`` as it stands there."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(content, dict):
        return []
    problems = [_problem_of(entry) for entry in _list(content.get("errors"))]
    meta = content.get("meta")
    if isinstance(meta, dict):
        texts = [*_list(meta.get("error")), *_list(meta.get("errors"))]
        problems += [(None, Problem("invalid", "", _text(text))) for text in texts]
    return problems


def _problem_of(entry: object) -> tuple[Any, Problem]:
    if not isinstance(entry, dict):
        return None, Problem("invalid", "", _text(entry))
    reason, field = _text(entry.get("reason")), _text(entry.get("field"))
    return entry.get("batch_index"), Problem(reason or "invalid", field, _text(entry.get("message")))


def _is_index(value: object, items: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < items


def _joined(problems: list[Problem]) -> Problem:
    """Several problems of one operation as one: the first one's word, everybody's fields and texts."""
    fields = dict.fromkeys(each.field for each in problems if each.field)
    messages = dict.fromkeys(each.message for each in problems if each.message)
    return Problem(problems[0].reason, ", ".join(fields), "; ".join(messages)[:_LONGEST_TEXT])


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value))[:_LONGEST_TEXT]
