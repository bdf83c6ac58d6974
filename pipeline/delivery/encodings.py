"""Names what a message or a file is encoded with, if it is not plain text."""

from __future__ import annotations

from config.errors import ConfigError

_BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "LZ4",
    b"PK\x03\x04": "a zip archive",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# After these three letters and a digit the first block begins with pi.
_BZIP2, _BZIP2_BLOCK = b"BZh", b"1AY&SY"

#: The bytes that ``name_of_encoding`` looks at.
HEAD_BYTES = 10


def name_of_encoding(head: bytes) -> str | None:
    """Return the name of a compression or encoding by its first bytes; ``None`` for none that is known."""
    if head.startswith(_BZIP2) and head[4:10] == _BZIP2_BLOCK:
        return "bzip2"
    return next((name for beginning, name in _BEGINNINGS.items() if head.startswith(beginning)), None)


def refuse_encoded(head: bytes, source: str) -> None:
    """Return unless a source begins like a compressed one.

    Raises:
        ConfigError: it does; the line names what it is.
    """
    encoding = name_of_encoding(head)
    if encoding is not None:
        raise ConfigError(
            f"{source}: this is {encoding}; expected plain UTF-8: unpack it first, or pipe it in"
        )
