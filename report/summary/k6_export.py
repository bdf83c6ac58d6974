"""``summary.json``: k6's summary-export form, with the ledger and the verdict beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metrics.sinks import AnySink, RateSink
from report.run_report import RunReport


def write_summary_json(path: Path, report: RunReport) -> None:
    """Write the summary; ``OSError`` if the file cannot be written."""
    path.write_text(json.dumps(summary_of(report), indent=4) + "\n", encoding="utf-8")


def summary_of(report: RunReport) -> dict[str, Any]:
    """Return the summary as plain data. As in k6, a threshold's ``true`` means that it *failed*."""
    return {
        "root_group": _root_group(report.store.by_check),
        "metrics": _metrics(report),
        "ledger": {name: ledger.as_dict() for name, ledger in report.ledgers.items()},
        "lost": [asdict(loss) for loss in report.losses],
        "workers": [asdict(worker) for worker in report.workers],
        "errors_by_kind": dict(sorted(report.store.by_error.items())),
        "generator": asdict(report.generator),
        "verdict": asdict(report.verdict),
        "queue": asdict(report.queue) if report.queue else None,
        "deliveries": report.deliveries.as_dict() if report.deliveries else None,
        "run": {
            "id": report.run_id,
            "seconds": report.seconds,
            "ended_by": report.ended_by,
            "notes": list(report.notes),
            "thresholds_passed": report.passed,
            "thresholds_without_samples": [
                f"{result.selector}: {result.source}" for result in report.thresholds if result.has_no_samples
            ],
            **report.record,
        },
    }


def _metrics(report: RunReport) -> dict[str, dict[str, Any]]:
    failed: dict[str, dict[str, bool]] = {}
    for result in report.thresholds:
        failed.setdefault(result.selector, {})[result.source] = not result.passed
    metrics: dict[str, dict[str, Any]] = {}
    for selector, _, sink in report.store.selectors():
        if sink.is_empty and selector not in failed:
            continue
        metrics[selector] = _stats(sink, report.seconds)
        if selector in failed:
            metrics[selector]["thresholds"] = failed[selector]
    return metrics


def _stats(sink: AnySink, seconds: float) -> dict[str, Any]:
    return {sink.export_names.get(name, name): value for name, value in sink.stats(seconds).items()}


def _root_group(checks: Mapping[str, RateSink]) -> dict[str, Any]:
    return {
        "name": "",
        "path": "",
        "id": _k6_id(""),
        "groups": {},
        "checks": {
            name: {
                "name": name,
                "path": f"::{name}",
                "id": _k6_id(f"::{name}"),
                "passes": sink.passes,
                "fails": sink.fails,
            }
            for name, sink in checks.items()
        },
    }


def _k6_id(path: str) -> str:
    """Return the id that k6 gives a group or check: the MD5 of its path."""
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()
