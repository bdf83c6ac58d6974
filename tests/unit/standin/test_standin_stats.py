"""The counts: every arrival ends in exactly one outcome."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.stats import DISCONNECTED, HUNG, RESET, Stats

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

operations = st.sampled_from(["identify", "track", "batch"])
fates = st.sampled_from(["200", "500", "429", RESET, DISCONNECTED, HUNG, "resumed", "in flight"])
arrivals = st.lists(st.tuples(operations, fates, st.floats(0.0, 3.0)))


@patient
@given(arrivals)
def test_requests_are_statuses_and_what_is_in_flight(arrivals: list[tuple[str, str, float]]) -> None:
    stats = Stats(record_arrivals=True)
    now = 100.0
    for operation, fate, gap in arrivals:
        now += gap
        stats.arrive(operation, now)
        if fate in (RESET, DISCONNECTED):
            stats.lose(fate)
        elif fate in (HUNG, "resumed"):
            stats.hang()
            if fate == "resumed":
                stats.resume()
                stats.answer("200", gap)
        elif fate != "in flight":
            stats.answer(fate, gap)

    result = stats.as_json()
    assert result["requests_total"] == len(arrivals) == sum(result["requests"].values())
    assert sum(result["statuses"].values()) + result["in_flight"] == len(arrivals)
    assert result["refused"] == sum(fate == "429" for _, fate, _ in arrivals)
    for operation in ("identify", "track", "batch"):
        expected = sum(each == operation for each, _, _ in arrivals)
        per_second = [second["requests"].get(operation, 0) for second in result["per_second"]]
        assert result["requests"].get(operation, 0) == sum(per_second) == expected
        assert stats.arrivals is not None
        assert len(stats.arrivals.get(operation, [])) == expected


def test_seconds_are_counted_from_the_first_arrival() -> None:
    stats = Stats()
    for now in (10.75, 11.5, 11.75, 13.5):
        stats.arrive("identify", now)

    assert stats.as_json()["per_second"] == [
        {"second": 0, "requests": {"identify": 2}},
        {"second": 1, "requests": {"identify": 1}},
        {"second": 2, "requests": {"identify": 1}},
    ]


def test_nothing_arrived_yet() -> None:
    result = Stats().as_json()

    assert result["requests"] == {}
    assert result["first_arrival"] is None
    assert result["last_arrival"] is None
    assert result["latency_ms"] == {"p50": None, "p95": None, "p99": None, "max": None}


def test_latency_percentiles_are_milliseconds() -> None:
    stats = Stats()
    for number in range(1, 101):
        stats.arrive("identify", float(number))
        stats.answer("200", number / 1000)

    latency = stats.as_json()["latency_ms"]
    for name, expected in {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}.items():
        assert abs(latency[name] - expected) <= expected / 1000


def test_latencies_beyond_the_histogram_are_kept_at_its_ends() -> None:
    stats = Stats()
    for seconds in (0.0, 1e9):
        stats.arrive("identify", 1.0)
        stats.answer("200", seconds)

    assert stats.as_json()["latency_ms"]["max"] >= 3_600_000


def test_percentiles_are_those_of_all_latencies_also_of_many_different_ones() -> None:
    stats = Stats()
    for microseconds in range(1, 10_001):
        stats.arrive("identify", 1.0)
        stats.answer("200", microseconds / 1e6 + 1e-7)
    for _ in range(2):  # asking changes nothing
        latency = stats.as_json()["latency_ms"]
        assert 4.99 <= latency["p50"] <= 5.01
        assert 9.89 <= latency["p99"] <= 9.91
        assert 9.99 <= latency["max"] <= 10.01
