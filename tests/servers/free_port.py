"""Choose ports for servers that must be told theirs."""

from __future__ import annotations

import random
import socket

# Below the range from which systems take the ports of clients: between the look and the server's start
# nobody is given this port by chance, also while other tests open thousands of connections.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
