"""What is known of an operation before it is sent: its bytes, and whether Customer.io can accept them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeVar

from ulid import ULID

from config.customerio.identifiers import flaw_of_identifier
from config.customerio.limits import limit
from config.customerio.paths import ANONYMOUS_EVENTS_PATH, ENTITY_PATH, PIPELINES_PATH
from pipeline.operation import AnonymousEvent, AnyOperation, NativeOperation, Operation
from pipeline.outcome import Refused

ITEM_BYTES = limit("v2_entity_bytes")
#: Of a batch's body at most: Customer.io wants it smaller than its limit.
BATCH_BYTES = limit("v2_batch_bytes") - 1

#: Of a batch's body that the Pipelines API accepts, with the same margin.
PIPELINES_BATCH_BYTES = limit("pipelines_batch_bytes") - 1

TrackApi = Literal["v1", "v2", "pipelines"]
"""The Track API in one of its versions, or the Pipelines API."""

_EVENT_DATA_BYTES = limit("event_data_bytes")
_BATCH_START, _BATCH_END = b'{"batch":[', b"]}"
# Of ``,"id":"<ULID>"``, and of ``,"messageId":"<ULID>"``.
_DEDUPLICATION_ID_BYTES = 34
_MESSAGE_ID_BYTES = 41
_PIPELINES_CALL_BYTES = limit("pipelines_call_bytes")


class LoneRequest(NamedTuple):
    """The request that carries one operation alone."""

    method: str
    path: str
    body: bytes

    @property
    def is_batchable(self) -> bool:
        """Whether a batch can carry the operation."""
        return self.path == ENTITY_PATH or self.path.startswith(PIPELINES_PATH)

    @property
    def batch_item(self) -> bytes:
        """The operation as an item of a batch, if one can carry it."""
        if not self.path.startswith(PIPELINES_PATH):
            return self.body
        # In a batch, the name of the call stands in the item and not in the path.
        return b'{"type":"%s",' % self.path.removeprefix(PIPELINES_PATH).encode() + self.body[1:]


_AnyOperation = TypeVar("_AnyOperation", bound=AnyOperation)


def with_deduplication_id(operation: _AnyOperation) -> _AnyOperation:
    """Return the operation with a fresh id if it is an event without one, so that it counts once."""
    if not isinstance(operation, Operation):
        return operation  # has its id from the start
    if operation.kind != "track" or operation.deduplication_id is not None:
        return operation
    return replace(operation, deduplication_id=str(ULID()))


def lone_request(operation: AnyOperation, api: TrackApi) -> LoneRequest | Refused:
    """Return the request for an operation alone, or why it is not sent.

    With Track, native operations go to v2 and anonymous events to v1, whatever ``api`` is: there is no other
    way. With Pipelines, everything goes there, or nowhere.
    """
    if api == "pipelines":
        return _pipelines_request(operation)
    if isinstance(operation, AnonymousEvent):
        body = _written(lambda: operation.v1_body)
        if isinstance(body, bytes) and len(body) > _EVENT_DATA_BYTES:
            body = _too_large("data", len(body), _EVENT_DATA_BYTES)
        return body if isinstance(body, Refused) else LoneRequest("POST", ANONYMOUS_EVENTS_PATH, body)
    if isinstance(operation, NativeOperation) or api == "v2":
        body = v2_item(operation)
        return body if isinstance(body, Refused) else LoneRequest("POST", ENTITY_PATH, body)
    body = v1_body(operation)
    return body if isinstance(body, Refused) else LoneRequest(operation.v1_method, operation.v1_path, body)


def _pipelines_request(operation: AnyOperation) -> LoneRequest | Refused:
    if isinstance(operation, NativeOperation):
        return _unsupported("type", "an operation of Track v2")
    if isinstance(operation, Operation) and "cio_id" in operation.identifiers:
        return _unsupported("identifier", "a cio_id")
    flaw = _refused_by_identifier(operation) if isinstance(operation, Operation) else None
    body = flaw or _written(lambda: operation.pipelines_body)
    if isinstance(body, Refused):
        return body
    request = LoneRequest("POST", PIPELINES_PATH + operation.kind, body)
    size = len(request.batch_item)
    return _too_large("", size, _PIPELINES_CALL_BYTES) if size > _PIPELINES_CALL_BYTES else request


def refusal(operation: AnyOperation, api: TrackApi) -> Refused | None:
    """Return why an operation is not sent, or ``None``."""
    request = lone_request(operation, api)
    return request if isinstance(request, Refused) else None


def v1_body(operation: Operation) -> bytes | Refused:
    """Return the body for Track v1, or why the operation is not sent."""
    body = _refused_by_identifier(operation) or _written(lambda: operation.v1_body)
    if isinstance(body, bytes) and operation.kind == "track" and len(body) > _EVENT_DATA_BYTES:
        data = json.dumps(operation.attributes, ensure_ascii=False, separators=(",", ":"))
        if (size := len(data.encode())) > _EVENT_DATA_BYTES:
            return _too_large("data", size, _EVENT_DATA_BYTES)
    return body


def v2_item(operation: Operation | NativeOperation) -> bytes | Refused:
    """Return the body for ``/entity``, which is an item for ``/batch``, or why it is not sent."""
    flaw = _refused_by_identifier(operation) if isinstance(operation, Operation) else None
    item = flaw or _written(lambda: operation.v2_item)
    if isinstance(item, bytes) and len(item) > ITEM_BYTES:
        return _too_large("", len(item), ITEM_BYTES)
    return item


def batch_body(items: Sequence[bytes]) -> bytes:
    """Return the body of a ``/batch`` request."""
    return _BATCH_START + b",".join(items) + _BATCH_END


def batch_size_bytes(operation: AnyOperation, api: TrackApi = "v2") -> int:
    """Return how many bytes an operation adds to a batch at most, 0 if it is refused before it is sent.

    ``BATCH_FRAME_BYTES`` come on top, once for the batch. For Track, anonymous events have requests of their
    own.
    """
    request = lone_request(operation, api)
    if isinstance(request, Refused) or not request.is_batchable:
        return 0
    unstamped = (
        isinstance(operation, Operation) and operation.kind == "track" and operation.deduplication_id is None
    )
    id_bytes = _MESSAGE_ID_BYTES if api == "pipelines" else _DEDUPLICATION_ID_BYTES
    return len(request.batch_item) + len(",") + (id_bytes if unstamped else 0)


BATCH_FRAME_BYTES = len(batch_body([]))


def _refused_by_identifier(operation: Operation) -> Refused | None:
    """Refuse a person whom a v1 path cannot name: the request would reach another endpoint."""
    flaw = flaw_of_identifier(operation.person)
    return None if flaw is None else Refused(0, None, "invalid", "identifier", flaw)


def _written(write: Callable[[], bytes]) -> bytes | Refused:
    try:
        return write()
    except RecursionError:
        return Refused(0, None, "invalid", "", "nested too deeply")
    except (TypeError, ValueError, OverflowError) as error:
        # NaN and the like, half of a surrogate pair, or an object that JSON has no form for.
        return Refused(0, None, "invalid", "", f"cannot be written as JSON: {error}")


def _unsupported(field: str, what: str) -> Refused:
    message = f"the Pipelines API has no form for {what}; expected TRACK_API=v2 for it"
    return Refused(0, None, "unsupported", field, message)


def _too_large(field: str, size: int, most: int) -> Refused:
    return Refused(0, None, "too_large", field, f"{size} bytes, at most {most} are allowed")
