"""How every client of the broker is connected."""

from __future__ import annotations

import ssl
from typing import Any

from config.errors import ConfigError
from pipeline.settings import KafkaSettings

#: What a producer of dead letters sends at most. The broker judges sizes, for the topic; a producer's usual
#: bound would refuse what the broker might take.
MOST_LETTER_BYTES = 64 * 1024 * 1024


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments that consumer, producer and admin client have in common.

    Raises:
        ConfigError: KAFKA_CA_FILE holds no certificates.
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
