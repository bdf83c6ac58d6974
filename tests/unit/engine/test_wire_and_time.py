"""What master and workers tell each other arrives as it was, and merged histograms are those of the union."""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped] # no types are published
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.messages import Beat, decode_cell, encode_cell, encode_epochs
from metrics.catalog import CATALOG, tags
from metrics.sinks import CounterSink, GaugeSink, RateSink, TrendSink, merge, new_sink
from metrics.store import Cell, MetricStore
from run.time_sync import ClockOffset
from shapes.share import Epoch

values = st.lists(st.floats(0, 60_000), min_size=1, max_size=60)


def sent(cell: Cell) -> list[object]:
    """A cell as it comes out of the transport at the other end."""
    data: list[object] = msgpack.loads(msgpack.dumps(encode_cell(cell)), raw=False)
    return data


@given(st.lists(values, min_size=1, max_size=4), st.sampled_from([50.0, 95.0, 99.0]))
def test_percentiles_of_merged_workers_are_those_of_all_values_together(
    workers: list[list[float]], percent: float
) -> None:
    union, merged = TrendSink(), TrendSink()
    union.add_all([value for worker in workers for value in worker])
    for worker in workers:
        _, _, sink = decode_cell(
            sent(Cell(CATALOG["track_duration"], (), worker, [0] * len(worker))), CATALOG
        )
        merge(merged, sink)
    assert merged.percentile(percent) == union.percentile(percent)
    assert (merged.count, merged.min, merged.max) == (union.count, union.min, union.max)
    assert merged.sum == pytest.approx(union.sum)


@pytest.mark.parametrize("name", ["http_reqs", "vus", "errors", "start_lag"])
def test_every_kind_of_metric_travels(name: str) -> None:
    cell = Cell(CATALOG[name], tags(scenario="a", status="200"), [1.0, 0.0, 3.0], [0, 1, 2])
    got_name, got_tags, sink = decode_cell(sent(cell), CATALOG)
    assert (got_name, got_tags) == (name, cell.tags)
    match sink, cell.aggregate():
        case CounterSink() as one, CounterSink() as other:
            assert (one.count, one.samples) == (other.count, other.samples) == (4, 3)
        case GaugeSink() as one, GaugeSink() as other:
            assert (one.value, one.min, one.max) == (other.value, other.min, other.max) == (3, 0, 3)
        case RateSink() as one, RateSink() as other:
            assert (one.passes, one.total) == (other.passes, other.total) == (2, 3)
        case TrendSink() as one, TrendSink() as other:
            assert (one.count, one.max) == (other.count, other.max) == (3, 3)
        case kinds:
            pytest.fail(f"another kind came out: {kinds}")


def test_a_sink_takes_only_its_own_kind() -> None:
    with pytest.raises(TypeError):
        merge(CounterSink(), RateSink())


def test_a_merged_store_answers_as_one_that_measured_all_itself() -> None:
    own, merged = MetricStore(["track_duration{status:500}"]), MetricStore(["track_duration{status:500}"])
    for name, value, its_tags in (
        ("track_duration", 5.0, tags(status="200")),
        ("track_duration", 9.0, tags(status="500")),
        ("checks", 0.0, tags(check="is 200")),
        ("http_reqs", 1.0, tags(error="5xx server error")),
    ):
        own.add(name, value, its_tags)
    for cell in own.fold():
        merged.merge(*decode_cell(sent(cell), CATALOG))
    for selector, metric, sink in own.selectors():
        other = merged.sink(selector)
        assert other.is_empty == sink.is_empty, selector
        asked = {"trend": "p(99)", "rate": "rate", "counter": "count", "gauge": "value"}[metric.type]
        assert other.aggregate(asked, 1) == sink.aggregate(asked, 1), selector
    assert merged.by_error == own.by_error
    assert merged.by_check["is 200"].fails == own.by_check["is 200"].fails == 1


def test_an_empty_sink_changes_nothing_it_is_merged_into() -> None:
    for metric_type in {metric.type for metric in CATALOG.values()}:
        target = new_sink(metric_type)
        target.add_all([2.0])
        merge(target, new_sink(metric_type))
        assert not target.is_empty


@given(st.lists(st.tuples(st.floats(0, 1e4), st.lists(st.integers(0, 300), unique=True)), max_size=5))
def test_epochs_travel(pairs: list[tuple[float, list[int]]]) -> None:
    epochs = [Epoch(start, tuple(members)) for start, members in pairs]
    beat = Beat("r1", sent=1.0, until=2.0, epochs_known=len(epochs), epochs=encode_epochs(epochs))
    received = Beat.from_wire(msgpack.loads(msgpack.dumps(beat.to_wire())))
    assert received == beat
    assert received.decoded_epochs() == epochs


@given(
    st.floats(-1e5, 1e5),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=10),
)
def test_the_clock_offset_errs_by_no_more_than_it_says(
    offset: float, delays: list[tuple[float, float]]
) -> None:
    clock = ClockOffset()
    now = 0.0
    for there, back in delays:
        clock.add(sent=now, theirs=now + there + offset, received=now + there + back)
        now += 1
    assert abs(clock.offset_seconds - offset) <= clock.error_seconds + 1e-9
    assert clock.error_seconds <= min(there + back for there, back in delays) / 2 + 1e-9
    assert clock.samples == len(delays)
