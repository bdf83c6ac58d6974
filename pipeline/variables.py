"""Variables of the environment, each read and checked by a method for its form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from config.errors import ConfigError
from config.shown import shown_url
from config.urls import split_url

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# Resolvers refuse a name with an empty part between dots.
_BROKER = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
_DATABASE = re.compile(r"/?|/\d{1,4}")


class Variables:
    """Reads variables; each method takes the variable's name and, where there is one, its default.

    Every method raises ``ConfigError`` for a value of another form: one line with the variable's name and
    what is expected.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def whole(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """Return a whole number from ``least`` to ``most``."""
        text = self._variables.get(name)
        if text is None:
            return default
        expected = f"at least {least}" if most is None else f"{least} to {most}"
        if text.isascii() and text.isdigit() and len(text) <= 9:
            value = int(text)
            if value >= least and (most is None or value <= most):
                return value
        raise ConfigError(f"{name}: expected a whole number, {expected}, got {text!r}")

    def one_of(self, name: str, default: str, *others: str) -> str:
        """Return one of some words, spelled as in the call; the variable may have any case."""
        text = self._variables.get(name, default)
        choices = {choice.lower(): choice for choice in (default, *others)}
        if text.lower() not in choices:
            raise ConfigError(f"{name}: expected {' or '.join(choices.values())}, got {text!r}")
        return choices[text.lower()]

    def topic(self, name: str, default: str) -> str:
        """Return a name that Kafka accepts for a topic."""
        topic = self._variables.get(name, default)
        if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise ConfigError(
                f"{name}: expected a topic's name: letters, digits, '.', '_', '-', got {topic!r}"
            )
        return topic

    def member_name(self, name: str) -> str | None:
        """Return a name that Kafka accepts for a member of a group, or ``None`` if there is no variable."""
        member = self._variables.get(name)
        if member is not None and not _TOPIC.fullmatch(member):
            raise ConfigError(f"{name}: expected letters, digits, '.', '_', '-', at most 249, got {member!r}")
        return member

    def brokers(self, name: str, default: str) -> str:
        """Return the addresses of brokers, ``host:port`` with commas between."""
        text = self._variables.get(name, default)
        for broker in text.split(","):
            match = _BROKER.fullmatch(broker.strip())
            if match is None or int(match[1]) > 65535:
                # The one that is wrong, without what may be a password in it.
                raise ConfigError(
                    f"{name}: expected host:port, several with commas between, got {shown_url(broker)}"
                )
        return text

    def pem_file(self, name: str) -> str | None:
        """Return the path of a file that exists, or ``None`` if the variable is not set."""
        path = self._variables.get(name)
        if path is not None and not Path(path).is_file():
            raise ConfigError(f"{name}: expected the path of a PEM file, got {path!r}")
        return path

    def redis_url(self, name: str) -> str | None:
        """Return the URL of a Redis, or ``None`` if the variable is not set.

        An error does not repeat the value: it may hold a password.
        """
        text = self._variables.get(name)
        if text is None:
            return None
        expected = f"{name}: expected redis(s)://[user:password@]host[:port][/database]"
        parts = split_url(text, ("redis", "rediss"))
        if parts is None or not _DATABASE.fullmatch(parts.path):
            raise ConfigError(expected)
        return text
