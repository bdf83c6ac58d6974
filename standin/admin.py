"""``/_standin``: the stand-in's own endpoints, which need no credentials and are not counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from urllib.parse import parse_qs

from standin.asgi import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body
from standin.control import Control
from standin.description import description
from standin.faults import check_optional_seconds, check_seconds
from standin.json_body import parse_object
from standin.objects import ObjectKey
from standin.person import identifier_in_path
from standin.responses import (
    NOT_FOUND,
    TOO_LARGE,
    Invalid,
    Response,
    json_response,
    meta_error,
    method_not_allowed,
)
from standin.routes import decode_segment

ADMIN_PREFIX = b"/_standin/"

_MAX_BODY_BYTES = 64 * 1024
_MOST_LISTED = 1000

_Query = dict[str, str]


class Admin:
    """The stand-in's own endpoints."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._endpoints: dict[tuple[str, ...], dict[str, Callable[[_Query, bytes], Response]]] = {
            ("stats",): {"GET": self._stats},
            ("reset",): {"POST": self._reset},
            ("faults",): {"GET": self._get_faults, "POST": self._change_faults},
            ("connections",): {"GET": self._get_connections, "POST": self._change_connections},
            ("arrivals",): {"GET": self._arrivals},
            ("accepted",): {"GET": self._read_accepted, "POST": self._log_accepted},
            ("people",): {"GET": self._list_people},
            ("deliveries",): {"GET": self._deliveries},
            ("openapi.json",): {"GET": self._description},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = self._answer(scope, await read_body(receive, _MAX_BODY_BYTES))
        except BodyTooLarge:
            response = TOO_LARGE
        except ClientGone:
            return
        except Invalid as error:
            response = _refusal(str(error))
        await response.send(send)

    def _answer(self, scope: Scope, body: bytes) -> Response:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        segments = scope["raw_path"].removeprefix(ADMIN_PREFIX).split(b"/")
        path = tuple(decode_segment(segment) for segment in segments)
        if len(path) == 2 and path[0] == "people":
            return self._person(path[1]) if method == "GET" else method_not_allowed(["GET"])
        if len(path) == 3 and path[0] == "objects":
            return self._object(ObjectKey(*path[1:])) if method == "GET" else method_not_allowed(["GET"])
        methods = self._endpoints.get(path)
        if methods is None:
            return NOT_FOUND
        if method not in methods:
            return method_not_allowed(sorted(methods))
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return methods[method]({name: values[-1] for name, values in query.items()}, body)

    def _stats(self, query: _Query, body: bytes) -> Response:
        return json_response(200, self._control.workspace.as_json())

    def _reset(self, query: _Query, body: bytes) -> Response:
        self._control.reset()
        return json_response(200, {})

    def _get_faults(self, query: _Query, body: bytes) -> Response:
        return json_response(200, {**self._control.faults.as_json(), "paused": self._control.paused})

    def _change_faults(self, query: _Query, body: bytes) -> Response:
        """Change the faults that the body names. ``pause_seconds`` holds all responses back for that long."""
        values = parse_object(body)
        try:
            pause = check_seconds(values.pop("pause_seconds")) if "pause_seconds" in values else None
        except ValueError as error:
            return _refusal(f"pause_seconds: {error}")
        try:
            faults = self._control.faults.changed(values)
        except ValueError as error:
            return _refusal(str(error))
        if values:
            self._control.set_faults(faults)
        if pause is not None:
            self._control.pause(pause)
        return self._get_faults(query, body)

    def _get_connections(self, query: _Query, body: bytes) -> Response:
        return json_response(200, {"idle_close_seconds": self._control.idle_close_seconds})

    def _change_connections(self, query: _Query, body: bytes) -> Response:
        """Set after how many idle seconds a connection is closed; ``null`` leaves idle connections open."""
        values = parse_object(body)
        if values.keys() != {"idle_close_seconds"}:
            return _refusal('expected {"idle_close_seconds": SECONDS}, or null for never')
        try:
            self._control.close_idle_after(check_optional_seconds(values["idle_close_seconds"]))
        except ValueError as error:
            return _refusal(f"idle_close_seconds: {error}")
        return self._get_connections(query, body)

    def _arrivals(self, query: _Query, body: bytes) -> Response:
        stats = self._control.workspace.stats
        if stats.arrivals is None:
            return _refusal("arrivals are not recorded: start the stand-in with --record-arrivals", 409)
        operation = query.get("operation")
        if operation is None:
            return _refusal("operation: expected the name of an operation, such as ?operation=identify")
        return json_response(
            200,
            {
                "operation": operation,
                "first_arrival_unix": stats.first_arrival_unix,
                "offsets": list(stats.arrivals.get(operation, ())),
            },
        )

    def _log_accepted(self, query: _Query, body: bytes) -> Response:
        """Begin a new log of acceptances, by the attribute that holds an operation's id; ``null`` ends it."""
        values = parse_object(body)
        attribute = values.get("attribute")
        if values.keys() != {"attribute"} or not (attribute is None or isinstance(attribute, str)):
            return _refusal('expected {"attribute": NAME}, or null for no log')
        self._control.log_acceptances(attribute)
        return json_response(200, {"attribute": attribute})

    def _read_accepted(self, query: _Query, body: bytes) -> Response:
        log = self._control.acceptance_log
        if log is None:
            return _refusal('acceptances are not recorded: POST {"attribute": NAME} first', 409)
        text = query.get("after", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            return _refusal(f"after: expected a whole number, got {text!r}")
        try:
            return json_response(200, log.read(int(text)))
        except ValueError as error:
            return _refusal(str(error), 409)

    def _list_people(self, query: _Query, body: bytes) -> Response:
        """List ids that start with ``prefix``, at most ``limit`` of them (default: 100)."""
        people = self._control.workspace.people
        ids = people.ids(query.get("prefix", ""), _limit(query))
        return json_response(200, {"ids": ids, "people": len(people)})

    def _person(self, text: str) -> Response:
        person = self._control.workspace.people.find(identifier_in_path(text))
        return NOT_FOUND if person is None else json_response(200, person.as_json())

    def _object(self, key: ObjectKey) -> Response:
        stored = self._control.workspace.objects.find(key)
        return NOT_FOUND if stored is None else json_response(200, stored.as_json())

    def _deliveries(self, query: _Query, body: bytes) -> Response:
        """List deliveries, latest first, at most ``limit`` of them (default: 100), with what was sent."""
        latest = islice(self._control.workspace.deliveries.latest(), _limit(query))
        return json_response(200, {"deliveries": [asdict(delivery) for delivery in latest]})

    def _description(self, query: _Query, body: bytes) -> Response:
        return json_response(200, description())


def _limit(query: _Query) -> int:
    text = query.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= _MOST_LISTED):
        raise Invalid(f"limit: expected 1 to {_MOST_LISTED}, got {text!r}")
    return int(text)


def _refusal(message: str, status: int = 400) -> Response:
    return meta_error(status, message)
