"""The autoscaler's arithmetic, against the examples of Kubernetes' documentation and of its own tests.

The figures of the latter are from ``pkg/controller/podautoscaler/replica_calculator_test.go`` and
``horizontal_test.go`` of Kubernetes; the documentation is that of the HorizontalPodAutoscaler.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.autoscaling.behavior import KUBERNETES_DOWN, KUBERNETES_UP, Policy, Rules, Scaling
from pipeline.autoscaling.metrics import (
    TOLERANCE,
    ReplicaCpu,
    greatest,
    replicas_by_backlog,
    replicas_by_cpu,
)

AT_ONCE = Rules(0, (Policy("Percent", 10_000, 15),))


def cpus(*millicores: int | None, unready: tuple[int, ...] = ()) -> list[ReplicaCpu]:
    return [
        ReplicaCpu(None if used is None else used / 1000, number not in unready)
        for number, used in enumerate(millicores)
    ]


class TestCpu:
    @pytest.mark.parametrize(
        ("current", "millicores", "target", "expected"),
        [
            (4, 200, 0.1, 8),  # the documentation: 200m where 100m are aimed at doubles the replicas
            (4, 50, 0.1, 2),  # and 50m halves them
            (50, 900, 0.75, 60),  # 90% where 75% are aimed at
            (10, 109, 0.1, 10),  # within the tolerance
            (10, 91, 0.1, 10),
            (10, 111, 0.1, 12),
        ],
    )
    def test_the_ratio_decides(self, current: int, millicores: int, target: float, expected: int) -> None:
        assert replicas_by_cpu(current, cpus(*[millicores] * current), 1.0, target) == expected

    def test_it_is_the_average_that_counts(self) -> None:
        assert replicas_by_cpu(3, cpus(300, 500, 700), 1.0, 0.3) == 5

    def test_replicas_that_are_not_ready_dampen_an_increase(self) -> None:
        assert replicas_by_cpu(3, cpus(300, 500, 700, unready=(0,)), 1.0, 0.3) == 4

    def test_replicas_that_are_not_ready_may_prevent_one(self) -> None:
        assert replicas_by_cpu(3, cpus(400, 500, 700, unready=(1, 2)), 1.0, 0.3) == 3

    def test_missing_metrics_dampen_a_decrease(self) -> None:
        assert replicas_by_cpu(4, cpus(400, 95, None, None), 1.0, 1.0) == 3

    def test_missing_metrics_dampen_an_increase(self) -> None:
        # Two at 100% of what is aimed at twice over, one unknown: 4/3 of the target for three.
        assert replicas_by_cpu(3, cpus(1000, 1000, None), 1.0, 0.5) == 4

    def test_nothing_is_known_without_metrics(self) -> None:
        assert replicas_by_cpu(3, cpus(None, None, None), 1.0, 0.5) is None
        assert replicas_by_cpu(1, cpus(100, unready=(0,)), 1.0, 0.5) is None


class TestBacklog:
    @pytest.mark.parametrize(
        ("current", "backlog", "target", "expected"),
        [
            (3, 8600, 2900, 3),  # 0.99 of the target
            (3, 8600, 2100, 5),
            (3, 3000, 1000, 3),
            (3, 3300, 1000, 3),  # exactly at the tolerance
            (3, 3301, 1000, 4),
            (3, 9000, 1000, 9),
            (9, 0, 1000, 0),  # the lower bound is applied later
        ],
    )
    def test_it_is_spread_over_the_replicas(
        self, current: int, backlog: float, target: float, expected: int
    ) -> None:
        assert replicas_by_backlog(current, backlog, target) == expected

    def test_an_unknown_backlog_asks_for_nothing(self) -> None:
        assert replicas_by_backlog(3, None, 1000) is None


class TestSeveralMetrics:
    @pytest.mark.parametrize(
        ("proposals", "expected"),
        [([3, 7], 7), ([2, 1], 2), ([None, 7], 7), ([None, 2], None), ([None, None], None), ([None, 4], 4)],
        ids=str,
    )
    def test_the_greatest_holds_and_nothing_shrinks_unseen(
        self, proposals: list[int | None], expected: int | None
    ) -> None:
        assert greatest(4, proposals) == expected


class TestBehavior:
    @pytest.mark.parametrize(
        ("current", "wanted", "least", "most", "expected"),
        [(5, 7, 3, 8, 7), (3, 1, 2, 8, 2), (10, 12, 1, 10, 10), (9, 20, 1, 10, 10)],
    )
    def test_the_bounds_hold(self, current: int, wanted: int, least: int, most: int, expected: int) -> None:
        down = Rules(0, KUBERNETES_DOWN.policies)
        assert Scaling(least, most, AT_ONCE, down).next_replicas(0, current, wanted) == expected

    def test_by_default_it_adds_four_or_doubles_every_15_seconds(self) -> None:
        scaling = Scaling(1, 100, KUBERNETES_UP, KUBERNETES_DOWN)
        replicas, seen = 1, []
        for now in range(0, 75, 15):
            replicas = scaling.next_replicas(now, replicas, 100)
            seen.append(replicas)
        assert seen == [5, 10, 20, 40, 80]

    def test_within_a_period_nothing_more_is_added(self) -> None:
        scaling = Scaling(1, 100, Rules(0, (Policy("Pods", 4, 60),)), KUBERNETES_DOWN)
        assert scaling.next_replicas(0, 3, 20) == 7
        assert scaling.next_replicas(15, 7, 20) == 7
        assert scaling.next_replicas(60, 7, 20) == 11

    def test_the_documentations_eighty_replicas_on_their_way_to_ten(self) -> None:
        """10% or 4 pods per minute, whichever is more: 8 at first, and 4 at a time from forty on."""
        rules = Rules(0, (Policy("Pods", 4, 60), Policy("Percent", 10, 60)))
        scaling = Scaling(1, 100, KUBERNETES_UP, rules)
        replicas, seen = 80, [80]
        for minute in range(20):
            replicas = scaling.next_replicas(60 * minute, replicas, 10)
            seen.append(replicas)
        assert seen[:3] == [80, 72, 64]
        below_forty = seen[next(place for place, count in enumerate(seen) if count <= 40) :]
        steps = [before - after for before, after in pairwise(below_forty)]
        assert steps[: steps.index(0)][:-1] == [4] * (steps.index(0) - 1)
        assert seen[-1] == 10

    @pytest.mark.parametrize(("select", "expected"), [("Max", 72), ("Min", 75), ("Disabled", 80)])
    def test_which_policy_counts(self, select: str, expected: int) -> None:
        policies = (Policy("Percent", 10, 60), Policy("Pods", 5, 60))
        rules = Rules(0, policies, select)  # type: ignore[arg-type]
        assert Scaling(1, 100, KUBERNETES_UP, rules).next_replicas(0, 80, 10) == expected

    def test_the_highest_recommendation_of_five_minutes_holds(self) -> None:
        scaling = Scaling(1, 100, KUBERNETES_UP, KUBERNETES_DOWN)
        assert scaling.next_replicas(0, 5, 9) == 9
        for now in range(15, 300, 15):
            assert scaling.next_replicas(now, 9, 2) == 9
        assert scaling.next_replicas(300, 9, 2) == 2

    def test_the_lowest_recommendation_holds_on_the_way_up(self) -> None:
        scaling = Scaling(1, 100, Rules(60, AT_ONCE.policies), KUBERNETES_DOWN)
        assert scaling.next_replicas(0, 3, 3) == 3
        assert scaling.next_replicas(15, 3, 9) == 3
        assert scaling.next_replicas(60, 3, 8) == 8

    def test_a_rehearsal_shortens_every_time(self) -> None:
        assert Rules(300, (Policy("Pods", 2, 60),)).scaled(0.1) == Rules(30, (Policy("Pods", 2, 6),))


@given(
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 40)), max_size=40),
    st.integers(1, 10),
    st.integers(0, 20),
)
def test_whatever_is_wanted_bounds_and_policies_hold(
    looks: list[tuple[float, int]], least: int, more: int
) -> None:
    up, down = Rules(0, (Policy("Pods", 4, 60),)), Rules(300, (Policy("Pods", 2, 60),))
    scaling = Scaling(least, least + more, up, down)
    replicas, now = least, 0.0
    history = [(now, replicas)]
    wanted_before: list[tuple[float, int]] = []
    for seconds, wanted in looks:
        now += seconds
        before, replicas = replicas, scaling.next_replicas(now, replicas, wanted)
        assert least <= replicas <= least + more
        if replicas < before:
            # Nothing within the window wanted more than what is left.
            assert all(count <= before for at, count in wanted_before if at > now - 300)
        wanted_before.append((now, wanted))
        history.append((now, replicas))
        within = [count for at, count in history if at > now - 60]
        assert max(within) - min(within) <= 4 + 2 * len(within)


@given(st.integers(1, 50), st.floats(0, 1e6), st.floats(1, 1e5))
def test_the_tolerance_is_a_tenth_of_the_target(current: int, backlog: float, target: float) -> None:
    wanted = replicas_by_backlog(current, backlog, target)
    assert wanted is not None
    if wanted != current:
        assert not 1 - TOLERANCE <= backlog / (target * current) <= 1 + TOLERANCE
