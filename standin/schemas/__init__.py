"""What the endpoints' bodies and queries look like, as JSON Schema, by the name of the operation."""

from __future__ import annotations

from standin.schemas import app, pipelines, track
from standin.schemas.parts import Schema

BODIES: dict[str, Schema] = {**track.BODIES, **pipelines.BODIES, **app.BODIES}
