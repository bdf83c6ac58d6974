"""Every message between master and workers arrives as it was sent, and nothing else is taken for one."""

from __future__ import annotations

import math
from typing import Any

import msgpack  # type: ignore[import-untyped] # no types are published
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.messages import (
    Beat,
    Hello,
    Invitation,
    Leaving,
    Refuse,
    Report,
    ScenarioCounts,
    SecondMeasured,
    Start,
    Stop,
    Welcome,
    Wire,
    decode_cell,
)
from engine.cluster.seal import MessageError
from metrics.catalog import CATALOG
from shapes.accounts import Counts

COUNTS = Counts(at=1.5, started=7, dropped=1, dropped_late=1, completed=6, interrupted=0, is_final=True)
MESSAGES: list[Wire] = [
    Hello("abc", "host", "3.11", None),
    Hello("abc", "host", "3.11", "[scenarios]"),
    Report(
        run_id="20261127-101112-abcdef",
        sent=1.0,
        now=5,
        epochs_known=2,
        is_started=True,
        is_ready=True,
        is_done=False,
        is_final=True,
        length=3.25,
        counts={"identify_load": ScenarioCounts.of(COUNTS)},
        vus_busy={"identify_load": 3},
        seconds_sent=4,
    ),
    SecondMeasured("r1", 0, 0, 12.5, [["start_lag", [["scenario", "a"]], [0, 1]]]),
    Leaving("r1"),
    Welcome(),
    Refuse("its code is version x"),
    Invitation(
        "r1",
        0,
        "smoke",
        "[scenarios]",
        ("a", "b"),
        0.5,
        -3,
        "fast",
        True,
        True,
        ("json",),
        True,
        "http://localhost:1",
        1000,
        262_800.0,
        "4711",
        "http://127.0.0.1:2",
    ),
    Beat("r1", 1.0),
    Beat("r1", 1.0, 2.5, 2, ((0.0, (0, 1)), (4.5, (1,)))),
    Start("r1", 12.5),
    Stop("r1"),
]
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def received(message: Wire) -> dict[str, Any]:
    data: dict[str, Any] = msgpack.loads(msgpack.dumps(message.to_wire()), raw=False)
    return data


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: Wire) -> None:
    assert type(message).from_wire(received(message)) == message


def test_counts_come_out_as_the_ledger_takes_them() -> None:
    assert ScenarioCounts.of(COUNTS).counts() == COUNTS


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
@given(data=plain)
def test_what_is_no_message_is_refused(message: Wire, data: object) -> None:
    with pytest.raises(MessageError):
        type(message).from_wire(data)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_missing_and_a_further_entry_and_another_version_are_refused(message: Wire) -> None:
    optional = {"until", "epochs_known", "epochs"} if isinstance(message, Beat) else set()
    for name in received(message).keys() - optional:
        with pytest.raises(MessageError):
            type(message).from_wire({key: value for key, value in received(message).items() if key != name})
    additions: list[dict[Any, Any]] = [{"more": 1}, {"wire": 2}, {"wire": True}, {"wire": "1"}, {1: 2}]
    for more in additions:
        with pytest.raises(MessageError):
            type(message).from_wire({**received(message), **more})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 10**400, b"\xff", [[[]]], {"a": "b"}])
def test_a_value_of_another_kind_is_refused(message: Wire, wrong: object) -> None:
    # What is in the list of cells is looked at by ``decode_cell``.
    for name in received(message).keys() - ({"cells"} if wrong == [[[]]] else set()):
        with pytest.raises(MessageError):
            type(message).from_wire({**received(message), name: wrong})


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "/etc", "a" * 81, "-a", "a\n", "a.b"])
def test_a_run_id_is_a_name_and_never_a_path(run_id: str) -> None:
    with pytest.raises(MessageError, match="run_id"):
        Start.from_wire({"wire": 1, "run_id": run_id, "at": 1.0})


def test_nesting_beyond_measure_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(MessageError):
        SecondMeasured.from_wire({**SecondMeasured("r1", 0, 0, 1.0, []).to_wire(), "second": deep})


@pytest.mark.parametrize(
    "cell",
    [
        None,
        [],
        ["start_lag", []],
        ["no_such_metric", [], [1, 1.0]],
        [["start_lag"], [], [1, 1.0]],
        ["http_reqs", "scenario", [1, 1.0]],
        ["http_reqs", [["scenario"]], [1, 1.0]],
        ["http_reqs", [["scenario", 1]], [1, 1.0]],
        ["http_reqs", [["a", "b"]] * 17, [1, 1.0]],
        ["http_reqs", [["a", "x" * 2000]], [1, 1.0]],
        ["http_reqs", [], [1, math.nan]],
        ["start_lag", [], [1, 1.0, 1.0, 1.0, b"no histogram"]],
    ],
)
def test_a_cell_that_is_none_is_refused(cell: object) -> None:
    with pytest.raises(MessageError):
        decode_cell(cell, CATALOG)


@given(plain)
def test_whatever_comes_for_a_cell_nothing_else_is_raised(cell: object) -> None:
    with pytest.raises(MessageError):
        decode_cell(cell, CATALOG)
