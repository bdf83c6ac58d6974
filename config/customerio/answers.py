"""What an answer of the Track API means for the items of its request: the one judge of success.

Customer.io answers 200 with a JSON object (``{}``) when it accepts everything, and 207 to a batch of which
it refuses a part. Its published description has three forms of errors: ``{"meta": {"error": "..."}}``,
``{"meta": {"errors": [...]}}`` and ``{"errors": [{"reason", "field", "message", "batch_index"}]}``. Other
integrations have met them in a 200 as well, so the body of every 2xx is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from config.customerio.paths import CallKind

_USUAL_SUCCESS = b"{}\n"
_LONGEST_TEXT = 500
# A request can be answered with these because of what it carries. Any other 4xx is about its address, or
# comes from something in between: no item is to blame for it.
_REFUSALS = (400, 413, 422)


class Meaning(Enum):
    """What happened to the items of a request."""

    #: Every item was accepted. Only a 200 means that.
    ACCEPTED = auto()
    #: A 2xx whose body names errors: ``refused`` has the refused items, the others were accepted.
    PARTLY_REFUSED = auto()
    #: A 2xx that refuses something without saying what: nobody can tell which items were accepted.
    DOUBTFUL = auto()
    #: 400, 413, 422: no item was accepted; ``refused`` has those that are named, ``problem`` the reason.
    REFUSED = auto()
    #: 408, 429 and 5xx, also proxies' own 522 and 524: a later attempt may succeed.
    RETRY = auto()
    #: A 2xx that Customer.io did not write (a login page, a proxy's apology): no item was accepted.
    FOREIGN = auto()
    #: 401, 403: the credentials are wrong.
    UNAUTHORIZED = auto()
    #: 3xx: another host, perhaps that of the other region.
    REDIRECTED = auto()
    #: Another 4xx: the address is not the Track API's.
    UNEXPECTED = auto()


@dataclass(frozen=True)
class Problem:
    """Why an item is refused: a word, the field as Customer.io names it, a text for people."""

    reason: str
    field: str
    message: str


@dataclass(frozen=True)
class Judgement:
    """What an answer means.

    Args:
        meaning: for all items of the request.
        status: the HTTP status.
        refused: the refused items by their index in the request.
        problem: why the request as a whole is refused; set for ``REFUSED`` alone.
    """

    meaning: Meaning
    status: int
    refused: Mapping[int, Problem] = field(default_factory=dict)
    problem: Problem | None = None


_ACCEPTED = Judgement(Meaning.ACCEPTED, 200)


def judge(status: int, body: bytes, call: CallKind, items: int = 1) -> Judgement:
    """Return what an answer means. No header takes part: proxies write the same ones.

    A 204 is no success. Customer.io describes it for form submissions alone, and no ``CallKind`` is one;
    every success of these has a body, so a 204 was written by something that stands in between.

    Args:
        status: the HTTP status.
        body: the whole body, decompressed; ``b""`` for one that could not be read to its end.
        call: what was called.
        items: operations in the request.
    """
    if status == 200 and body == _USUAL_SUCCESS:
        # Nearly every answer: no parser stands on the way of a request under load.
        return _ACCEPTED
    if 200 <= status < 300:
        return _judge_success(status, _json_object(body), call, items)
    if status in _REFUSALS:
        return _judge_refusal(status, _problems(_json_object(body)), call, items)
    return Judgement(_meaning_of_status(status), status)


def _judge_success(status: int, content: dict[str, Any] | None, call: CallKind, items: int) -> Judgement:
    problems = _problems(content)
    if problems and call is not CallKind.BATCH:
        return Judgement(Meaning.PARTLY_REFUSED, status, {0: _joined([problem for _, problem in problems])})
    if problems and all(_is_index(index, items) for index, _ in problems):
        return Judgement(Meaning.PARTLY_REFUSED, status, _by_index(problems, items))
    if problems or status == 207:
        return Judgement(Meaning.DOUBTFUL, status)
    # Customer.io has no "error" beside "meta"; gateways do, and mean that nothing has reached it.
    if status == 200 and content is not None and not content.get("error"):
        return _ACCEPTED
    return Judgement(Meaning.FOREIGN, status)


def _judge_refusal(status: int, problems: list[tuple[Any, Problem]], call: CallKind, items: int) -> Judgement:
    if status == 413:
        # As likely a proxy's answer as Customer.io's: the body's word and indices may mean anything.
        message = problems[0][1].message if problems else "413: the request is too large"
        return Judgement(Meaning.REFUSED, status, problem=Problem("too_large", "", message))
    if problems:
        whole = _joined([problem for _, problem in problems])
    else:
        reason = "invalid" if status == 400 else f"status_{status}"
        whole = Problem(reason, "", f"{status} without a reason that can be read")
    refused = _by_index(problems, items) if call is CallKind.BATCH else {0: whole}
    return Judgement(Meaning.REFUSED, status, refused, whole)


def _meaning_of_status(status: int) -> Meaning:
    if status in (408, 429) or status >= 500:
        return Meaning.RETRY
    if status in (401, 403):
        return Meaning.UNAUTHORIZED
    if status < 300:
        return Meaning.FOREIGN
    return Meaning.REDIRECTED if status < 400 else Meaning.UNEXPECTED


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body, object_pairs_hook=_every_value)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _every_value(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. A name that stands there twice keeps both values, so that none hides the other."""
    content = dict(pairs)
    if len(content) < len(pairs):
        for name in content:
            values = [value for other, value in pairs if other == name]
            if len(values) > 1:
                content[name] = [entry for value in values for entry in _list(value)]
    return content


def _problems(content: dict[str, Any] | None) -> list[tuple[Any, Problem]]:
    """Return all problems in a body, each with its ``batch_index`` as it stands there."""
    if content is None:
        return []
    problems = [_problem_of(entry) for entry in _list(content.get("errors"))]
    texts: list[Any] = []
    for meta in _list(content.get("meta")):
        if isinstance(meta, dict):
            texts = [*texts, *_list(meta.get("error")), *_list(meta.get("errors"))]
    return problems + [(None, Problem("invalid", "", _text(text))) for text in texts]


def _problem_of(entry: object) -> tuple[Any, Problem]:
    if not isinstance(entry, dict):
        return None, Problem("invalid", "", _text(entry))
    reason, field = _text(entry.get("reason")), _text(entry.get("field"))
    return entry.get("batch_index"), Problem(reason or "invalid", field, _text(entry.get("message")))


def _by_index(problems: list[tuple[Any, Problem]], items: int) -> dict[int, Problem]:
    """Return the problems of each item; what names no item of the request is left out."""
    by_index: dict[int, list[Problem]] = {}
    for index, problem in problems:
        if _is_index(index, items):
            by_index.setdefault(index, []).append(problem)
    return {index: _joined(of_item) for index, of_item in by_index.items()}


def _is_index(value: object, items: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < items


def _joined(problems: list[Problem]) -> Problem:
    """Return several problems of one item as one: the first one's word, everybody's fields and texts."""
    fields = dict.fromkeys(problem.field for problem in problems if problem.field)
    messages = dict.fromkeys(problem.message for problem in problems if problem.message)
    return Problem(problems[0].reason, ", ".join(fields), "; ".join(messages)[:_LONGEST_TEXT])


def _list(value: object) -> list[Any]:
    """Return the entries of a list, or a lone entry. ``null`` and anything empty has none."""
    if not value:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    """Return a value for people; without lone surrogates, which could be written nowhere."""
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "nested too deeply"
    return text[:_LONGEST_TEXT].encode(errors="replace").decode()
