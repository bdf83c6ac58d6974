"""``k6-summary.json``: the summary in the form that k6 gives to a script's ``handleSummary``.

k6 has two forms. ``summary.json`` is that of ``--summary-export``; most tools that read k6's results take
this one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metrics.k6_tags import contains
from metrics.sinks import TREND_STATS
from report.run_report import RunReport
from report.summary.k6_export import summary_of


def write_handle_summary(path: Path, report: RunReport) -> None:
    """Write the file; ``OSError`` if it cannot be written."""
    path.write_text(json.dumps(handle_summary_of(report), indent=4) + "\n", encoding="utf-8")


def handle_summary_of(report: RunReport) -> dict[str, Any]:
    """Return the summary as plain data. Unlike in k6's export, a threshold says whether it is *ok*."""
    exported = summary_of(report)
    group = exported["root_group"]
    metrics: dict[str, dict[str, Any]] = {}
    for selector, metric, sink in report.store.selectors():
        if selector not in exported["metrics"]:
            continue
        failed = exported["metrics"][selector].get("thresholds", {})
        metrics[selector] = {
            "type": metric.type.value,
            "contains": contains(metric),
            "values": sink.stats(report.seconds),
        }
        if failed:
            metrics[selector]["thresholds"] = {
                source: {"ok": not is_bad} for source, is_bad in failed.items()
            }
    return {
        "root_group": {**group, "groups": [], "checks": list(group["checks"].values())},
        "options": {"summaryTrendStats": list(TREND_STATS), "summaryTimeUnit": "", "noColor": False},
        "state": {
            "isStdOutTTY": False,
            "isStdErrTTY": False,
            "testRunDurationMs": report.seconds * 1000,
        },
        "metrics": metrics,
    }
