"""Request bodies: JSON objects in UTF-8, and the size of a value in bytes."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from standin.responses import Invalid

Json = Any
JsonObject = dict[str, Any]


def parse_object(body: bytes) -> JsonObject:
    """Return the JSON object in a body.

    Raises:
        Invalid: the body is not UTF-8, not JSON (``NaN`` and ``Infinity`` are not JSON), or not an object.
    """
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        raise Invalid("not valid UTF-8") from None
    except (ValueError, RecursionError):
        raise Invalid("not valid JSON") from None
    if not isinstance(value, dict):
        raise Invalid("expected a JSON object")
    return value


def size_bytes(value: Json, field: str) -> int:
    """Return the size of a value: of a string its UTF-8, of anything else its compact JSON.

    Raises:
        Invalid: a string contains half of a surrogate pair, which has no UTF-8 form, or the value is
            nested too deeply to be encoded.
    """
    try:
        text = value if isinstance(value, str) else _ENCODER.encode(value)
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise Invalid("holds half of a surrogate pair", field) from None
    except RecursionError:
        raise Invalid("is nested too deeply", field) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Built once: json.loads and json.dumps build a new decoder or encoder per call when an option is given.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
