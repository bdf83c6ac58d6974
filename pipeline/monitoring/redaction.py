"""The secrets of the pipeline's settings, for the redaction of its logs."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from config.settings import Credentials


def known_secrets(
    credentials: Credentials, redis_url: str | None = None, kafka_password: str | None = None
) -> list[str]:
    """Return the secrets of the settings: the key, the encoded credentials, and two passwords."""
    # The Pipelines API's key is the first part of its credentials, and the only one.
    secrets = [credentials.api_key or credentials.site_id, credentials.authorization.removeprefix("Basic ")]
    password = urlsplit(redis_url).password if redis_url else None
    if password:
        secrets += [password, unquote(password)]
    if kafka_password:
        secrets.append(kafka_password)
    return secrets
