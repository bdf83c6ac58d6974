"""The connection options of every client of the broker."""

from __future__ import annotations

import ssl
from typing import Any

from config.errors import ConfigError
from pipeline.settings import KafkaSettings

#: The largest request of a producer of dead letters. The topic's own limit decides what is too large; the
#: default of a producer would refuse messages that the broker accepts.
MOST_LETTER_BYTES = 64 * 1024 * 1024


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the arguments that the consumer, the producer and the admin client share.

    Raises:
        ConfigError: KAFKA_CA_FILE cannot be read or holds no certificates.
    """
    security = settings.security
    options: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "client_id": settings.client_id,
        "security_protocol": security.protocol,
    }
    if security.protocol in ("SSL", "SASL_SSL"):
        try:
            options["ssl_context"] = ssl.create_default_context(cafile=security.ca_file)
        except OSError as error:
            raise ConfigError("KAFKA_CA_FILE: expected a PEM file with certificates") from error
    if security.protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password
    return options
