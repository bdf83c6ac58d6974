"""``results.json``: every sample, in k6's JSON lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal, TextIO

from metrics.catalog import Metric
from metrics.k6_tags import contains, has_url, k6_tags
from metrics.store import Cell, MergedCell

_NANOSECONDS = 1_000_000_000


class JsonOutput:
    """A ``Metric`` line before a metric's first sample, then a ``Point`` line per sample.

    Written as seconds close, so memory is bounded by a second's samples. A path that ends in ``.gz`` is
    compressed.

    Args:
        path: the file.
        thresholds: the expressions by selector, which k6 shows with the metric.
        worker: a further tag, for a worker's own file.

    Raises:
        OSError: the file cannot be made.
    """

    takes_whole_seconds = False

    def __init__(
        self, path: Path, thresholds: Mapping[str, Sequence[str]], worker: str | None = None
    ) -> None:
        self.name = path.name
        self._file = _open(path, "w")
        self._thresholds = thresholds
        self._worker = {"worker": worker} if worker is not None else {}
        self._described: set[str] = set()
        self._second = -1
        self._second_text = ""

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        for cell in cells:
            if isinstance(cell, Cell):
                self._write_cell(cell)
        self._file.flush()

    def stop(self) -> str | None:
        self._file.close()
        return None

    def _write_cell(self, cell: Cell) -> None:
        name = cell.metric.name
        if name not in self._described:
            self._described.add(name)
            self._file.write(json.dumps(self._description(cell.metric)) + "\n")
        tags = {**k6_tags(name, cell.tags), **self._worker}
        if has_url(name):
            tags["url"] = tags.get("name", "")
        # All that differs between a cell's lines is time and value.
        head = f'{{"metric":{json.dumps(name)},"type":"Point","data":{{"time":"'
        tail = f',"tags":{json.dumps({"group": "", **tags}, sort_keys=True)}}}}}\n'
        self._file.writelines(
            f'{head}{self._rfc3339(at)}","value":{_number(value)}{tail}'
            for at, value in zip(cell.times, cell.values, strict=True)
        )

    def _description(self, metric: Metric) -> dict[str, Any]:
        submetrics = [
            {
                "name": selector,
                "suffix": selector.partition("{")[2].rstrip("}"),
                "tags": dict(
                    pair.split(":", 1) for pair in selector.partition("{")[2].rstrip("}").split(",")
                ),
            }
            for selector in self._thresholds
            if selector.startswith(metric.name + "{")
        ]
        data = {
            "name": metric.name,
            "type": metric.type.value,
            "contains": contains(metric),
            "thresholds": list(self._thresholds.get(metric.name, [])),
            "submetrics": submetrics or None,
        }
        return {"type": "Metric", "data": data, "metric": metric.name}

    def _rfc3339(self, at: int) -> str:
        second, nanoseconds = divmod(at, _NANOSECONDS)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second_text}.{nanoseconds:09d}Z"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def join_json(parts: Sequence[Path], path: Path) -> None:
    """Join the files of several workers: each metric is described once, points keep their files' order.

    Raises:
        OSError: a part cannot be read, or the file cannot be written.
    """
    described: set[str] = set()
    with _open(path, "w") as out:
        for part in parts:
            with _open(part, "r") as lines:
                for line in lines:
                    if line.startswith('{"type": "Metric"'):
                        if line in described:
                            continue
                        described.add(line)
                    out.write(line)


def _open(path: Path, mode: Literal["r", "w"]) -> TextIO:
    if path.suffix == ".gz":
        # The fastest level: it is paid for in the process that has arrivals to keep.
        return TextIOWrapper(gzip.GzipFile(path, mode, compresslevel=1), encoding="utf-8")
    return path.open(mode, encoding="utf-8")
