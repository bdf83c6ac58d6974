"""Dropped arrivals are blamed on missing VUs only while the process could act."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from run.drop_causes import LOOK_SECONDS, DropCauses


def looked(causes: DropCauses, since: float, *dropped: int) -> float:
    """Look in time, once for each number of drops; return the instant of the last look."""
    now = since
    for count in dropped:
        now += LOOK_SECONDS
        causes.look(now, count)
    return now


def test_drops_seen_in_time_are_for_want_of_a_vu() -> None:
    causes = DropCauses(100.0)
    looked(causes, 100.0, 0, 3, 3, 8)
    assert causes.stood_still == 0


def test_drops_within_a_standstill_are_the_generators() -> None:
    causes = DropCauses(100.0)
    now = looked(causes, 100.0, 0, 2)
    causes.look(now + 10.0, 502)
    assert causes.stood_still == 500


def test_a_drop_while_all_vus_wake_from_a_standstill_is_the_generators() -> None:
    causes = DropCauses(100.0)
    causes.look(110.0, 500)
    looked(causes, 110.0, 501, 502)
    assert causes.stood_still == 501


def test_a_look_that_is_a_little_late_is_no_standstill() -> None:
    causes = DropCauses(100.0)
    causes.look(100.0 + 1.9 * LOOK_SECONDS, 4)
    assert causes.stood_still == 0


def test_drops_right_after_a_late_grant_are_the_generators() -> None:
    """VUs that wait for a grant look for it a few times a second, so some arrivals pass before they do."""
    causes = DropCauses(100.0)
    now = looked(causes, 100.0, 0)
    causes.excuse(now)
    now = looked(causes, now, 10, 12)
    assert causes.stood_still == 12
    looked(causes, now, *[12] * 10, 15)
    assert causes.stood_still == 12


@given(st.lists(st.tuples(st.floats(0.001, 3.0), st.integers(0, 50), st.booleans()), max_size=40))
def test_what_is_attributed_is_never_more_than_what_was_dropped(
    steps: list[tuple[float, int, bool]],
) -> None:
    causes = DropCauses(0.0)
    now, dropped = 0.0, 0
    for seconds, more, is_excused in steps:
        now, dropped = now + seconds, dropped + more
        if is_excused:
            causes.excuse(now)
        before = causes.stood_still
        causes.look(now, dropped)
        assert before <= causes.stood_still <= dropped
        if seconds > 2 * LOOK_SECONDS:
            assert causes.stood_still == before + more
