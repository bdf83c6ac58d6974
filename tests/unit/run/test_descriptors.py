"""The table of open files has room before it is needed, and nothing is left open."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from run.descriptors import make_room


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def table_size() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("FDSize:")]
    return int(line.split()[1])


def test_the_table_has_room_for_all_connections() -> None:
    before, size = open_files(), table_size()
    make_room(size + 1000)
    assert table_size() >= size + 1000
    assert open_files() == before


def test_more_than_the_process_may_have_is_no_error() -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = open_files()
    make_room(limit * 10)
    assert table_size() >= limit
    assert open_files() == before


@pytest.mark.parametrize("left", [0, 1])
def test_with_hardly_a_descriptor_left_it_changes_nothing(left: int) -> None:
    before = open_files()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as some_file:
        lowest_free = some_file.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + left, limits[1]))
    try:
        make_room(10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert open_files() == before
