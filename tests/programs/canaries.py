"""Secrets that are set in the environment of a run, and the look for them in everything that it leaves."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

CREDENTIALS = {"CUSTOMERIO_SITE_ID": "canary-1-site-5b1f4a", "CUSTOMERIO_API_KEY": "canary-2-key-9c2d7e"}
#: No program needs these to do what the tests ask for; each may repeat them by mistake.
OTHERS = {
    "LOAD_TEST_CLUSTER_KEY": "canary-3-cluster-key-0123456789",
    "K6_INFLUXDB_TOKEN": "canary-4-influxdb-token",
    "K6_INFLUXDB_PASSWORD": "canary-5-influxdb-password",
    "CUSTOMERIO_WRITE_KEY": "canary-9-write-key",
    "WEBHOOK_URL": "http://127.0.0.1:1/canary-10-receiver",
    "WEBHOOK_SIGNING_KEY": "canary-11-signing-key",
    "KAFKA_PASSWORD": "canary-6-broker-password",
    "CUSTOMERIO_APP_KEY": "canary-8-app-api-key",
    "REDIS_URL": "redis://:canary-7-redis-password@127.0.0.1:1/0",
}
ALL = {**CREDENTIALS, **OTHERS}


def _forms() -> list[bytes]:
    pair = base64.b64encode(":".join(CREDENTIALS.values()).encode()).decode()
    values = [value.rpartition("@")[0].rpartition(":")[2] or value for value in ALL.values()]
    return [form.encode() for value in (*values, pair) for form in {value, quote(value, safe="")}]


FORMS = _forms()


def hits(*texts: str | bytes) -> list[str]:
    """Return the canaries, in whatever form, that are in any of the texts."""
    contents = [text.encode() if isinstance(text, str) else text for text in texts]
    return [form.decode() for form in FORMS if any(form in content for content in contents)]


def hits_below(folder: Path) -> list[str]:
    """Return the canaries in the files of a folder and in their names."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return hits(*(str(path) for path in files), *(path.read_bytes() for path in files))
