"""Makes values that a JSON Schema allows, of the keywords that the stand-in's description uses."""

from __future__ import annotations

import random
from typing import Any

Schema = dict[str, Any]

# Of each kind of character that has been trouble somewhere: ASCII, two to four bytes, quotes, a slash, a nul.
_CHARACTERS = "aZ09 _-.@%/\\'\"é€😀\u200b\x00+?#"
_MOST_ENTRIES = 4
_DEEPEST = 4


def draw(schema: Schema, source: random.Random, depth: int = 0) -> Any:
    """Return a value that ``schema`` allows."""
    if "anyOf" in schema:
        return draw(source.choice(schema["anyOf"]), source, depth)
    if "enum" in schema:
        return source.choice(schema["enum"])
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = source.choice(kind)
    match kind:
        case "object":
            return _object(schema, source, depth)
        case "array":
            least = schema.get("minItems", 0)
            count = source.randint(least, min(least + _MOST_ENTRIES, schema.get("maxItems", 10**9)))
            items = schema.get("items", {})
            return [draw(items, source, depth + 1) for _ in range(count)] if depth < _DEEPEST else []
        case "string":
            return _text(schema, source)
        case "integer":
            bounds = schema.get("minimum", -(2**53)), schema.get("maximum", 2**53)
            return source.choice((*bounds, source.randint(*bounds)))
        case "number":
            return source.choice((0, -1.5, 1e300, source.random()))
        case "boolean":
            return source.random() < 0.5
    assert kind == "null", schema
    return None


def _object(schema: Schema, source: random.Random, depth: int) -> dict[str, Any]:
    """Return an object with the required properties, some of the others, and some with other names."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    value = {
        name: draw(part, source, depth + 1)
        for name, part in properties.items()
        if name in required or source.random() < 0.4
    }
    more = schema.get("additionalProperties", {})
    if more is not False:
        for _ in range(source.randint(0, _MOST_ENTRIES)):
            name = _text(schema.get("propertyNames", {}), source)
            if name not in properties:
                value[name] = draw(more, source, depth + 1)
    return value


def _text(schema: Schema, source: random.Random) -> str:
    least = schema.get("minLength", 0)
    length = source.randint(least, min(least + 12, schema.get("maxLength", 10**9)))
    text = "".join(source.choices(_CHARACTERS, k=length))
    match schema.get("pattern"):
        case None:
            return text
        case "@":
            return "a@" + text[2:] if len(text) > 2 else "a@b"
        case "[!-~]":
            return "x" + text[1:]
        case "^[a-z]+$":
            return "".join(source.choices("abcxyz", k=max(length, 1)))
    assert schema["pattern"].startswith("^[0-7]["), schema
    return "0" + "".join(source.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=25))
