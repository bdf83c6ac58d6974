"""Sends calls as a VU does, in a process of its own: what the load test loads patches sockets and threads.

``python -m tests.programs.load_test_calls URL < calls.json`` takes ``[[method, path, body], ...]`` and writes
a list with the kind of failure of each, ``null`` for none.
"""

from __future__ import annotations

import json
import sys

from locust.clients import HttpSession
from locust.event import EventHook

from users.transport import Call, RequestsTransport


def main() -> None:
    session = HttpSession(sys.argv[1], EventHook(), None)
    session.trust_env = False
    transport = RequestsTransport(session, "Basic eDp5", timeout_seconds=10.0)
    failures = [
        transport.send(Call(method, path, "call", body)) for method, path, body in json.load(sys.stdin)
    ]
    json.dump([None if failure is None else failure.kind.value for failure in failures], sys.stdout)


if __name__ == "__main__":
    main()
