"""junit.xml: the shape that CI systems read, right counts, and nothing that XML cannot hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from config.profile import ThresholdOptions
from metrics.catalog import tags
from metrics.store import MetricStore
from metrics.thresholds import evaluate
from metrics.verdict import GeneratorFigures, Verdict
from report.run_report import RunReport
from report.summary.junit_xml import junit_xml_of, write_junit_xml
from shapes.ledger import Ledger

# The attributes of the schemas that Ant, Jenkins, GitLab and pytest go by, as far as all have them.
REQUIRED = {
    "testsuites": {"tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "skipped": {"message"},
}
ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "time", "tests", "failures", "errors", "skipped"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "skipped": {"message"},
}
CHILDREN: dict[str, set[str]] = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "skipped"},
    "failure": set(),
    "skipped": set(),
}


def a_report(
    *,
    selector: str = "errors",
    bound: str = "rate<0.01",
    check: str = "status is 200",
    failed: int = 0,
    error: str = "timeout",
    verdict: str = "",
    faults: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    scenario: str = "track_load",
) -> RunReport:
    """A run of 100 requests, of which ``failed`` failed; with a ``verdict``, it was not kept."""
    store = MetricStore()
    for number in range(100):
        kind = {"error": error} if number < failed else {}
        store.add("http_reqs", 1, tags(scenario=scenario, **kind))
        store.add("track_duration", 1 + number / 10, tags(scenario=scenario))
        store.add("errors", number < failed, tags(scenario=scenario))
        store.add("checks", number >= failed, tags(scenario=scenario, check=check))
    list(store.fold())
    ledger = Ledger(100, 100, 100, 0, 0, 0, 0, 100, 0)
    thresholds = {selector: [ThresholdOptions.model_validate({"threshold": bound})]}
    return RunReport(
        run_id="20260101-000000-abcdef",
        folder=Path("results"),
        seconds=10.0,
        store=store,
        thresholds=evaluate(thresholds, store, 10.0),
        ledgers={scenario: ledger},
        losses=(),
        generator=GeneratorFigures(0.4, 0.84, 3.0, 31.2, 40.0, 50),
        workers=(),
        verdict=Verdict(not verdict, verdict or "Generator kept the schedule (0 dropped)"),
        faults=faults,
        notes=notes,
        ended_by="finished",
        record={},
    )


def parsed(report: RunReport) -> ElementTree.Element:
    """The document, after a look at its shape and its counts."""
    root = ElementTree.fromstring(junit_xml_of(report).encode())  # noqa: S314 (our own)
    assert root.tag == "testsuites"
    for element in root.iter():
        assert REQUIRED[element.tag] <= set(element.keys()) <= ALLOWED[element.tag]
        assert {child.tag for child in element} <= CHILDREN[element.tag]
        if element.tag.startswith("testsuite"):
            assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
            assert int(element.get("failures", "")) == len(list(element.iter("failure")))
            assert element.get("errors") == "0"
        if element.tag == "testsuite":
            assert int(element.get("skipped", "")) == len(list(element.iter("skipped")))
    return root


def failures(report: RunReport) -> dict[str, str]:
    """The messages of failed cases, by the case's class and name."""
    return {
        f"{case.get('classname')}: {case.get('name')}": str(failure.get("message"))
        for case in parsed(report).iter("testcase")
        for failure in case.iter("failure")
    }


def test_a_good_run_has_a_case_for_each_threshold_check_and_judgement_and_no_failure() -> None:
    cases = [(case.get("classname"), case.get("name")) for case in parsed(a_report()).iter("testcase")]
    assert cases == [
        ("customerio-load.thresholds", "errors: rate<0.01"),
        ("customerio-load.checks", "status is 200"),
        ("customerio-load.generator", "the generator kept the schedule"),
        ("customerio-load.generator", "the run is whole"),
    ]
    assert failures(a_report()) == {}


def test_each_failure_says_what_was_measured() -> None:
    broken = a_report(failed=3, verdict="Generator did not keep the schedule: late", faults=("disk full",))
    assert failures(broken) == {
        "customerio-load.thresholds: errors: rate<0.01": "errors: 'rate<0.01' rate=3%",
        "customerio-load.checks: status is 200": "3 of 100 failed",
        "customerio-load.generator: the generator kept the schedule": (
            "Generator did not keep the schedule: late"
        ),
        "customerio-load.generator: the run is whole": "disk full",
    }


def test_a_threshold_without_samples_is_skipped_and_fails_only_if_zero_fails_it() -> None:
    report = a_report(selector="identify_duration", bound="p(95)<500")
    assert [skipped.get("message") for skipped in parsed(report).iter("skipped")] == ["no samples"]
    assert failures(report) == {}
    unmet = a_report(selector="identify_duration", bound="p(95)>0")
    assert list(parsed(unmet).iter("skipped")) == []
    assert failures(unmet) == {
        "customerio-load.thresholds: identify_duration: p(95)>0": "identify_duration: 'p(95)>0' no samples"
    }


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_makes_a_document_that_parses(text: str) -> None:
    failed = failures(a_report(check=text, failed=1, bound="rate<0.5", verdict=f"x{text}"))
    message = failed["customerio-load.generator: the generator kept the schedule"]
    assert printable(message) == printable(f"x{text}")


def printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char != "\ufffd")


def test_control_characters_are_replaced_and_markup_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    report = a_report(check='<b> & "\x00\x1b[31m\ud800', failed=1)
    write_junit_xml(path, report)
    text = path.read_text(encoding="utf-8")
    assert 'name="&lt;b&gt; &amp; &quot;\ufffd\ufffd[31m\ufffd"' in text
    assert 'customerio-load.checks: <b> & "\ufffd\ufffd[31m\ufffd' in failures(report)
