"""The offset to commit: never past anything unsettled, and as far as that allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.offset_ledger import OffsetLedger


@given(st.data())
def test_the_position_is_just_before_the_first_unsettled(data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 1000), min_size=1, max_size=30)))
    ledger = OffsetLedger()
    begun: list[int] = []
    unsettled: set[int] = set()
    passed: list[int] = []
    while len(begun) < len(offsets) or unsettled:
        may_begin = len(begun) < len(offsets)
        if may_begin and (not unsettled or data.draw(st.booleans())):
            begun.append(offsets[len(begun)])
            ledger.begin(begun[-1])
            unsettled.add(begun[-1])
        else:
            offset = data.draw(st.sampled_from(sorted(unsettled)))
            unsettled.remove(offset)
            passed += ledger.settle(offset)
        before = [offset for offset in begun if not unsettled or offset < min(unsettled)]
        assert ledger.position == (before[-1] + 1 if before else None)
        assert passed == before
        assert ledger.first_unsettled == (min(unsettled) if unsettled else ledger.position)
        assert ledger.unsettled == len(unsettled)
        assert ledger.span == len(begun) - len(before)


def test_the_next_position_may_be_told() -> None:
    ledger = OffsetLedger()
    ledger.begin(0)
    ledger.begin(17)
    ledger.settle(17, following=40)
    assert ledger.position is None
    ledger.settle(0, following=17)
    assert ledger.position == 40


def test_offsets_grow() -> None:
    ledger = OffsetLedger()
    ledger.begin(5)
    with pytest.raises(ValueError, match="5 after 5"):
        ledger.begin(5)
