"""``junit.xml``: thresholds, checks and the generator's verdict as test cases, for CI systems.

The file has the elements and attributes that the Ant, Jenkins, GitLab and pytest schemas share. Four
elements need no library: ``xml.etree`` escapes all that XML can hold, and what XML cannot hold is
replaced here, which the libraries for this format leave to their callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from metrics.thresholds import ThresholdOutcome
from report.run_report import RunReport

_NAME = "customerio-load"
# All that XML 1.0 does not allow, escaped or not (section 2.2, Char).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Case:
    """A test case: failed if it has a problem, skipped if there was nothing to judge."""

    name: str
    problem: str | None
    skipped: str | None = None


def write_junit_xml(path: Path, report: RunReport) -> None:
    """Write the file; ``OSError`` if it cannot be written."""
    path.write_text(junit_xml_of(report), encoding="utf-8")


def junit_xml_of(report: RunReport) -> str:
    """Return the whole document: suites of thresholds, of checks and of the generator itself.

    Times are in seconds; a suite's is the length of the run in which all its cases were measured.
    """
    suites = [
        ("thresholds", list(_thresholds(report))),
        ("checks", list(_checks(report))),
        ("generator", list(_generator(report))),
    ]
    root = ElementTree.Element("testsuites", {"name": _NAME, "time": f"{report.seconds:.3f}"})
    _count(root, [case for _, cases in suites for case in cases])
    for name, cases in suites:
        if cases:
            root.append(_suite(name, cases, report))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, cases: Sequence[_Case], report: RunReport) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", {"name": name})
    _count(suite, cases)
    suite.set("skipped", str(sum(case.skipped is not None for case in cases)))
    suite.set("time", f"{report.seconds:.3f}")
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", {"classname": f"{_NAME}.{name}", "name": _clean(case.name), "time": "0"}
        )
        if case.problem is not None:
            text = _clean(case.problem)
            ElementTree.SubElement(element, "failure", {"type": name, "message": text}).text = text
        elif case.skipped is not None:
            ElementTree.SubElement(element, "skipped", {"message": case.skipped})
    return suite


def _count(element: ElementTree.Element, cases: Sequence[_Case]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.problem is not None for case in cases)))
    element.set("errors", "0")


def _thresholds(report: RunReport) -> Iterator[_Case]:
    for result in report.thresholds:
        problem = None if result.passed else f"{result.selector}: {result.describe()}"
        skipped = str(ThresholdOutcome.NO_SAMPLES) if result.outcome is ThresholdOutcome.NO_SAMPLES else None
        yield _Case(f"{result.selector}: {result.source}", problem, skipped)


def _checks(report: RunReport) -> Iterator[_Case]:
    for name, sink in report.store.by_check.items():
        yield _Case(name, f"{sink.fails} of {sink.total} failed" if sink.fails else None)


def _generator(report: RunReport) -> Iterator[_Case]:
    yield _Case(
        "the generator kept the schedule",
        None if report.verdict.kept_schedule else report.verdict.line,
    )
    broken = [
        *report.faults,
        *(
            f"the ledger of {name} does not add up"
            for name, ledger in report.ledgers.items()
            if not ledger.is_closed
        ),
    ]
    yield _Case("the run is whole", "; ".join(broken) or None)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
