"""Lines are the same however the bytes come, and each knows where it stands."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.backfill.lines import LineSplitter, SourceLine

MOST = 6


@given(
    content=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"long line"]), max_size=30),
    cuts=st.sets(st.integers(0, 100), max_size=10),
    position=st.sampled_from([0, 1000]),
)
def test_any_blocks_give_the_same_lines(content: list[bytes], cuts: set[int], position: int) -> None:
    stream = b"".join(content)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    splitter = LineSplitter(position, MOST)
    lines: list[SourceLine] = []
    for start, end in pairwise(edges):
        lines += splitter.feed(stream[start:end])
    lines += splitter.finish()

    for line, following in pairwise(lines):
        assert line.following == following.start
    if stream:
        assert lines[0].start == position
        assert lines[-1].following == position + len(stream)
    for line in lines:
        raw = stream[line.start - position : line.following - position]
        text = raw.removesuffix(b"\n")
        assert b"\n" not in text
        assert line.content == (text if len(text) <= MOST else None)
