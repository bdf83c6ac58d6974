"""A kind of user is one class in one file, and a mistake in it is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from users.identify import IdentifyUser
from users.kinds import Kinds, shipped_kinds
from users.track import TrackUser

PAGE_USER = """
from users.arrival_user import ArrivalUser

class PageUser(ArrivalUser):
    kind = "page"

    def call(self, arrival):
        return "POST", f"/page/{arrival.number}", {}
"""
WITHOUT_CALL = "from users.arrival_user import ArrivalUser\nclass Lazy(ArrivalUser):\n    kind = 'lazy'\n"


@pytest.fixture
def kinds() -> Kinds:
    return Kinds([IdentifyUser, TrackUser], [IdentifyUser, TrackUser])


def test_every_module_of_the_folder_gives_its_kinds() -> None:
    found = shipped_kinds()
    assert {"IdentifyUser": IdentifyUser, "TrackUser": TrackUser}.items() <= found.items()
    assert "ArrivalUser" not in found


def test_a_kind_is_found_by_its_name(kinds: Kinds, tmp_path: Path) -> None:
    assert kinds.find("track", tmp_path) is TrackUser


@pytest.mark.parametrize("is_beside_profile", [True, False])
def test_a_kind_is_found_in_a_file(kinds: Kinds, tmp_path: Path, is_beside_profile: bool) -> None:
    (tmp_path / "my_users.py").write_text(PAGE_USER)
    user = "my_users.py:PageUser" if is_beside_profile else f"{tmp_path}/my_users.py:PageUser"
    found = kinds.find(user, tmp_path if is_beside_profile else Path())
    assert (found.__name__, found.kind) == ("PageUser", "page")
    assert kinds.find(user, tmp_path) is found, "a file is loaded once"
    assert "page" in kinds.senders
    assert kinds.is_chosen(found)


def test_naming_users_leaves_the_others_out() -> None:
    kinds = Kinds([IdentifyUser, TrackUser], [TrackUser])
    assert not kinds.is_chosen(IdentifyUser)
    assert kinds.is_chosen(TrackUser)


@pytest.mark.parametrize(
    ("text", "user", "problem"),
    [
        (PAGE_USER, "pages", "no such user 'pages'; expected one of identify, track"),
        (PAGE_USER, "users.py", "expected path/to/file.py:ClassName"),
        (PAGE_USER, "other.py:PageUser", "other.py: no such file; expected a Python file with the class"),
        (PAGE_USER, "users.py:Missing", "users.py:Missing: expected a class that is an ArrivalUser"),
        ("import os\nPageUser = os\n", "users.py:PageUser", "expected a class that is an ArrivalUser"),
        ("import no_such_module", "users.py:X", "cannot be loaded: ModuleNotFoundError"),
        ("class (", "users.py:X", "cannot be loaded: SyntaxError"),
        ("raise RuntimeError('no')", "users.py:X", "cannot be loaded: RuntimeError: no"),
        (PAGE_USER.replace('"page"', '"My Page"'), "users.py:PageUser", "PageUser.kind: expected small"),
        (PAGE_USER.replace('kind = "page"', "pass"), "users.py:PageUser", "PageUser.kind: expected small"),
        (WITHOUT_CALL, "users.py:Lazy", "Lazy: expected a method call(arrival)"),
    ],
)
def test_a_mistake_is_one_line(kinds: Kinds, tmp_path: Path, text: str, user: str, problem: str) -> None:
    (tmp_path / "users.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        kinds.find(user, tmp_path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
