"""A throw-away certificate authority and a server certificate from it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

_LOCAL_NAMES = ("127.0.0.1", "::1", "localhost")


class TrustmeMissing(Exception):  # noqa: N818
    """The package that makes certificates is not installed."""


@dataclass(frozen=True)
class ThrowAwayTls:
    """What the server needs (the key stays in memory) and what a client needs to trust it."""

    context: ssl.SSLContext
    authority_pem: bytes


def make_tls(host: str) -> ThrowAwayTls:
    """A new authority and a certificate for this machine's local names and ``host``.

    Raises:
        TrustmeMissing: trustme is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise TrustmeMissing from None
    authority = trustme.CA()
    certificate = authority.issue_cert(*dict.fromkeys((*_LOCAL_NAMES, host)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return ThrowAwayTls(context, authority.cert_pem.bytes())
