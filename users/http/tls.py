"""TLS between a socket's bytes and a connection's: OpenSSL works in memory, the caller moves the bytes."""

from __future__ import annotations

import ssl

_PIECE_BYTES = 65_536


class TlsLayer:
    """One connection's TLS.

    Args:
        context: whom to trust.
        hostname: what the server's certificate must be for.
    """

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._received, self._to_send, server_hostname=hostname)

    def handshake(self, received: bytes) -> tuple[bytes, bool]:
        """Take in what the server sent; return what to send, and whether the handshake is done.

        Raises:
            ssl.SSLError: the certificate is not trusted or for another name, or this is no TLS.
        """
        self._received.write(received)
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return self._to_send.read(), False
        return self._to_send.read(), True

    def encrypt(self, plain: bytes) -> bytes:
        """Return what to send for ``plain``."""
        self._ssl.write(plain)
        return self._to_send.read()

    def decrypt(self, received: bytes) -> tuple[bytes, bytes, bool]:
        """Return the plain bytes, what to send in turn, and whether the server has ended its side.

        Raises:
            ssl.SSLError: what came was damaged.
        """
        self._received.write(received)
        pieces = []
        has_ended = False
        while True:
            try:
                piece = self._ssl.read(_PIECE_BYTES)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                has_ended = True
                break
            if not piece:
                has_ended = True
                break
            pieces.append(piece)
        return b"".join(pieces), self._to_send.read(), has_ended
