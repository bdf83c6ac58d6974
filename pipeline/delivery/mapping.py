"""Loads the function of MESSAGE_MAPPING, which turns messages of another shape into ours.

The interface has a version. A module may name the one it was written for as ``MESSAGE_MAPPING_VERSION``; then
a worker with another interface refuses it at the start.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from config.errors import ConfigError
from pipeline.delivery.checks import PoisonError, name_of
from pipeline.delivery.message import MapMessage

#: Version 1: a function of one argument, the message as a dictionary. It returns a message that the worker
#: knows. The message becomes a dead letter if it returns anything else or raises an exception.
INTERFACE_VERSION = 1

_SETTING = "MESSAGE_MAPPING"
_FORM = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def load_mapping(text: str | None) -> MapMessage | None:
    """Return the mapping that ``module:function`` names, or ``None`` for none.

    Raises:
        ConfigError: it cannot be loaded, is no function of one argument, or needs another interface.
    """
    if text is None:
        return None
    match = _FORM.fullmatch(text)
    if match is None:
        raise ConfigError(f"{_SETTING}: expected module:function, got {text!r}")
    module_name, name = match.groups()
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"{_SETTING}: {module_name}: can't be imported: {reason}") from error
    version = getattr(module, "MESSAGE_MAPPING_VERSION", INTERFACE_VERSION)
    if version != INTERFACE_VERSION:
        raise ConfigError(
            f"{_SETTING}: {module_name}: MESSAGE_MAPPING_VERSION: expected {INTERFACE_VERSION}, "
            f"got {version!r}"
        )
    function = getattr(module, name, None)
    if not callable(function) or inspect.iscoroutinefunction(function) or not _takes_one(function):
        raise ConfigError(f"{_SETTING}: {text}: expected a function of one argument, the message")
    return lambda message: _mapped(function, message)


def _takes_one(function: Any) -> bool:
    try:
        inspect.signature(function).bind({})
    except (TypeError, ValueError):
        return False
    return True


def _mapped(function: Any, message: dict[str, Any]) -> dict[str, Any]:
    try:
        mapped = function(message)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this message, the next may be good
        # Only its type: the text of an exception may repeat the message.
        raise PoisonError("unmapped", f"the mapping raised {type(error).__name__}") from None
    if not isinstance(mapped, dict):
        raise PoisonError("unmapped", f"the mapping returned {name_of(mapped)}; expected an object")
    return mapped
