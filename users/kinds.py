"""Which kinds of user there are, and which class a profile's ``user`` means.

A kind is one class in one file: every module in this folder is looked at, and a profile may name a file
anywhere (``path/to/file.py:MyUser``). A kind's metrics follow from its name; nothing else lists it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from config.errors import ConfigError
from config.nearest import did_you_mean, nearest
from config.shown import shown
from users.arrival_user import ArrivalUser

_FOLDER = Path(__file__).parent
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Kinds:
    """The kinds of user of one process.

    Args:
        loaded: the user classes that the locustfile has.
        chosen: those of them that were named on the command line; all of them if none was.
    """

    def __init__(self, loaded: Iterable[object], chosen: Iterable[object]) -> None:
        self._loaded = {user_class.kind: user_class for user_class in loaded if _is_kind(user_class)}
        self._left_out = set(self._loaded.values()) - set(chosen)
        self._from_files: dict[str, type[ArrivalUser]] = {}

    def find(self, user: str, folder: Path) -> type[ArrivalUser]:
        """Return the class that a profile's ``user`` means.

        Args:
            user: a kind (``identify``), or a file and a class in it (``my_users.py:MyUser``).
            folder: the profile's, in which a file is looked for that the current folder does not have.

        Raises:
            ConfigError: no such kind, file or class, or a class that is not a kind of user.
        """
        if ":" in user or user.endswith(".py"):
            if user not in self._from_files:
                self._from_files[user] = _load(user, folder)
            return self._from_files[user]
        if user not in self._loaded:
            raise ConfigError(
                f"no such user {shown(user)}; expected one of {', '.join(sorted(self._loaded))}, "
                f"or path/to/file.py:ClassName{did_you_mean(nearest(user, self._loaded))}"
            )
        return self._loaded[user]

    def is_chosen(self, user_class: type[ArrivalUser]) -> bool:
        """Return whether the scenarios of this class run: all do, unless others were named."""
        return user_class not in self._left_out

    @property
    def senders(self) -> Collection[str]:
        """The names of all kinds known by now that send requests: each has Trends of its own."""
        known = (*self._loaded.values(), *self._from_files.values())
        return sorted({user_class.kind for user_class in known if not user_class.uses_queue})


def shipped_kinds() -> dict[str, type[ArrivalUser]]:
    """Return the user classes of all modules in this folder, by class name.

    Raises:
        ConfigError: a module cannot be imported, or two kinds have one name.
    """
    found: dict[str, type[ArrivalUser]] = {}
    for path in sorted(_FOLDER.glob("*.py")):
        module = _imported(f"users.{path.stem}", path)
        for user_class in _kinds_in(module):
            _check(user_class, str(path.relative_to(_FOLDER.parent)))
            found[user_class.__name__] = user_class
    by_kind: dict[str, str] = {}
    for name, user_class in found.items():
        if user_class.kind in by_kind:
            raise ConfigError(
                f"users/: {by_kind[user_class.kind]} and {name} are both of kind {user_class.kind!r}; "
                "expected a kind of its own for each class"
            )
        by_kind[user_class.kind] = name
    return found


def _load(user: str, folder: Path) -> type[ArrivalUser]:
    file_name, colon, class_name = user.rpartition(":")
    if not colon or not file_name.endswith(".py"):
        raise ConfigError(f"{user!r}: expected path/to/file.py:ClassName")
    path = next((path for path in (Path(file_name), folder / file_name) if path.is_file()), None)
    if path is None:
        raise ConfigError(f"{file_name}: no such file; expected a Python file with the class {class_name}")
    module = _imported(f"_user_file_{path.stem}", path)
    user_class = getattr(module, class_name, None)
    if not (isinstance(user_class, type) and issubclass(user_class, ArrivalUser)):
        raise ConfigError(f"{user}: expected a class that is an ArrivalUser")
    _check(user_class, file_name)
    return user_class


def _imported(name: str, path: Path) -> ModuleType:
    try:
        if name.startswith("users."):
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{path}: expected a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:  # whatever a user's own file raises, the mistake is there
        raise ConfigError(f"{path}: cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _kinds_in(module: ModuleType) -> list[type[ArrivalUser]]:
    """Return the kinds that a module defines itself; those that it imports are another module's."""
    return [
        value
        for value in vars(module).values()
        if _is_kind(value) and value.__module__ == module.__name__ and not value.abstract
    ]


def _is_kind(value: object) -> TypeGuard[type[ArrivalUser]]:
    return isinstance(value, type) and issubclass(value, ArrivalUser) and value is not ArrivalUser


def _check(user_class: type[ArrivalUser], place: str) -> None:
    kind = getattr(user_class, "kind", None)
    if not (isinstance(kind, str) and _KIND.fullmatch(kind)):
        raise ConfigError(
            f"{place}: {user_class.__name__}.kind: expected small letters, digits and _, got {kind!r}"
        )
    if getattr(user_class.call, "__isabstractmethod__", False):
        raise ConfigError(f"{place}: {user_class.__name__}: expected a method call(arrival)")
