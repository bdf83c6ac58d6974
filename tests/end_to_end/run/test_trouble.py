"""A server in trouble: the schedule holds, what is not sent is counted, every failure has its name."""

from __future__ import annotations

import itertools
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.programs.load_test import THRESHOLDS, LoadTest, run_load_test, schedule_of, two_scenarios
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer


@pytest.mark.alone
def test_a_hanging_server_drops_arrivals_sends_none_late_and_the_rate_comes_back(tmp_path: Path) -> None:
    """100/s on 20 VUs without a pause; the server holds every answer for two seconds."""
    profile = two_scenarios([(100, "6s")], start_rate=100, vus=20, more="")
    with StandinServer("--record-arrivals") as standin:
        test = LoadTest(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        test.wait_until(lambda: standin.stats()["requests"].get("identify", 0) >= 100)
        standin.set_faults(pause_seconds=2)
        finished = test.finish()
        arrivals = {name: sorted(standin.arrivals(name)) for name in ("identify", "track")}
    schedule = schedule_of(tmp_path / "profile.toml")
    for name in ("identify", "track"):
        ledger = finished.summary["ledger"][f"{name}_load"]
        assert ledger["started"] + ledger["dropped"] == schedule.total
        assert ledger["started"] == ledger["completed"] == len(arrivals[name])
        # Two seconds at 100/s, less the 20 that the VUs were still free to send.
        assert 150 <= ledger["dropped"] <= 230
        # Never a burst: no 100 ms see more arrivals than the schedule has, but for a machine's delays.
        busiest = max(
            sum(1 for arrival in arrivals[name] if start <= arrival < start + 0.1) for start in arrivals[name]
        )
        assert busiest <= 20
        # Back on the schedule after it: the last two seconds have their 200.
        last = [arrival for arrival in arrivals[name] if arrival > arrivals[name][-1] - 2]
        assert len(last) == pytest.approx(200, abs=10)
    assert not finished.summary["verdict"]["kept_schedule"]
    assert "dropped for want of an idle VU" in finished.stdout
    assert "not to be trusted" in finished.stdout


def test_a_rate_limited_server_fails_the_thresholds_and_the_429_are_counted(tmp_path: Path) -> None:
    profile = two_scenarios([(80, "3s")], start_rate=80) + THRESHOLDS
    with StandinServer("--rate-limit", "50") as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        refused = standin.stats()["statuses"]["429"]
    assert finished.exit_code == 99
    assert refused > 100
    assert finished.summary["errors_by_kind"] == {"429 rate limited": refused}
    assert finished.summary["metrics"]["errors"]["passes"] == refused
    assert finished.summary["metrics"]["errors"]["thresholds"] == {"rate<0.01": True}
    assert f"429 rate limited: {refused}" in finished.stdout
    assert "✗ 'rate<0.01'" in finished.stdout
    # In the log once in full and once as a number, for each scenario.
    assert finished.stderr.count("first 429 rate limited: HTTP 429") == 2
    assert finished.stderr.count("429 rate limited: ") < 10


@pytest.mark.alone
def test_more_vus_are_added_while_arrivals_are_dropped(tmp_path: Path) -> None:
    """At 50/s and 200 ms an arrival each scenario needs 10 VUs and starts with 2."""
    profile = two_scenarios([(50, "5s")], start_rate=50, vus=2, more="max_vus = 30")
    with StandinServer("--latency", "200ms") as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        stats = standin.stats()
    for name in ("identify", "track"):
        ledger = finished.summary["ledger"][f"{name}_load"]
        assert ledger["started"] + ledger["dropped"] == 250
        assert ledger["started"] == stats["requests"][name] > 156
        assert ledger["dropped"] > 0
    vus = finished.summary["metrics"]["vus_max"]
    assert vus["min"] >= 4
    assert 20 <= vus["max"] <= 60


def test_a_threshold_may_end_the_run_and_says_so(tmp_path: Path) -> None:
    profile = two_scenarios([(20, "60s")], start_rate=20) + (
        '[thresholds]\nerrors = [{ threshold = "rate<0.5", abort_on_fail = true, delay_abort_eval = "2s" }]\n'
    )
    with StandinServer("--error-share", "1") as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
    assert finished.exit_code == 99
    run = finished.summary["run"]
    assert run["ended_by"] == "aborted by threshold errors 'rate<0.5' rate=100%"
    assert 2 <= run["seconds"] < 20
    for ledger in finished.summary["ledger"].values():
        assert ledger["started"] + ledger["dropped"] == ledger["due"] < ledger["scheduled"] == 1200


@pytest.mark.parametrize(
    ("options", "more", "kind"),
    [
        (("--error-share", "1"), "", "5xx server error"),
        (("--reset-share", "1"), "", "connection error"),
        (("--hang-share", "1", "--hang-seconds", "1"), 'timeout = "200ms"', "timeout"),
        (("--site-id", "other", "--api-key", "other"), "", "401 unauthorized"),
    ],
)
def test_failures_are_told_apart(tmp_path: Path, options: tuple[str, ...], more: str, kind: str) -> None:
    profile = two_scenarios([(20, "500ms")], start_rate=20, more=more)
    with StandinServer(*options) as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        requests = standin.stats()["requests"]
    assert finished.summary["errors_by_kind"] == {kind: 20}
    assert requests == {"identify": 10, "track": 10}
    assert {row["error"] for row in finished.rows if row["metric"] == "http_reqs"} == {kind}
    assert finished.stderr.count(f"first {kind}: ") == 2
    assert finished.exit_code == 0, "no thresholds, so none failed"


class _Peer(threading.Thread):
    """A server that answers each connection with the next of these bytes and closes it, or hangs then."""

    def __init__(self, *answers: bytes, hangs: bool = False) -> None:
        super().__init__(daemon=True)
        self._hung: list[socket.socket] | None = [] if hangs else None
        self._answers = itertools.cycle(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.recv(65536)
            connection.sendall(next(self._answers))
            if self._hung is None:
                connection.close()
            else:
                self._hung.append(connection)

    def close(self) -> None:
        self._socket.close()
        for connection in self._hung or []:
            connection.close()


ODD_ANSWERS = [
    ("200 OK", "<html>a proxy's page</html>", "bad body"),
    ("200 OK", "[1]", "bad body"),
    ("200 OK", "", "bad body"),
    ("200 OK", '{"errors":[{"reason":"invalid"}]}', "2xx with errors"),
    ("200 OK", '{"meta":{"error":"no"}}', "2xx with errors"),
    ("207 Multi-Status", "{}", "2xx with errors"),
    ("202 Accepted", "{}", "unexpected 2xx"),
    ("203 Non-Authoritative Information", "{}", "unexpected 2xx"),
    ("204 No Content", "", "unexpected 2xx"),
    ("404 Not Found", "{}", "4xx client error"),
    ("301 Moved Permanently", "", "3xx redirect"),
]


def test_answers_that_no_customer_io_gives_are_told_apart_too(tmp_path: Path) -> None:
    """The first comes once, the second twice and so on, so that numbers tell those of one status apart."""
    answers, expected = [], Counter[tuple[str, str]]()
    for times, (status, body, kind) in enumerate(ODD_ANSWERS, 1):
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        answers += [f"{head}Location: http://127.0.0.1:1/elsewhere\r\n\r\n{body}".encode()] * times
        expected[status[:3], kind] += times
    peer = _Peer(*answers)
    finished = run_load_test(
        tmp_path, profile=two_scenarios([(66, "500ms")], start_rate=66), env={"CUSTOMERIO_BASE_URL": peer.url}
    )
    peer.close()
    told_apart = Counter[tuple[str, str]]()
    for row in finished.rows:
        if row["metric"] == "http_reqs":
            told_apart[row["status"], row["error"]] += int(row["count"])
    assert told_apart == expected
    assert finished.summary["errors_by_kind"] == {
        "bad body": 6,
        "2xx with errors": 15,
        "unexpected 2xx": 24,
        "4xx client error": 10,
        "3xx redirect": 11,
    }
    metrics = finished.summary["metrics"]
    assert (metrics["checks"]["passes"], metrics["checks"]["fails"]) == (0, 66)
    assert (metrics["errors"]["passes"], metrics["http_req_failed"]["passes"]) == (66, 66)


def test_an_answer_that_the_http_client_chokes_on_is_a_failed_request(tmp_path: Path) -> None:
    peer = _Peer(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: http://[bad\r\n\r\n")
    finished = run_load_test(
        tmp_path,
        profile=two_scenarios([(20, "500ms")], start_rate=20) + THRESHOLDS,
        env={"CUSTOMERIO_BASE_URL": peer.url},
    )
    peer.close()
    assert finished.exit_code == 99
    assert finished.summary["metrics"]["http_reqs"]["count"] == 20
    assert finished.summary["metrics"]["errors"]["value"] == 1


def test_an_error_in_a_scenarios_own_code_fails_the_check_and_keeps_the_ledger(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from users.identify import IdentifyUser\n"
        "def call(self, arrival): raise KeyError('a slip')\n"
        "IdentifyUser.call = call\n"
    )
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path,
            profile=two_scenarios([(20, "500ms")], start_rate=20) + THRESHOLDS,
            env={"CUSTOMERIO_BASE_URL": standin.url},
            locustfile=f"locustfile.py,{broken}",
        )
    assert finished.exit_code == 99
    assert finished.summary["ledger"]["identify_load"]["completed"] == 10
    assert finished.summary["metrics"]["errors"]["passes"] == 10
    assert "first exception: KeyError: 'a slip'" in finished.stderr


def test_a_timeout_in_the_middle_of_a_body_is_a_timeout(tmp_path: Path) -> None:
    peer = _Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", hangs=True)
    profile = two_scenarios([(20, "500ms")], start_rate=20, more='timeout = "200ms"')
    finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": peer.url})
    peer.close()
    assert finished.summary["errors_by_kind"] == {"timeout": 20}


def test_a_stand_in_with_tls_is_trusted_by_its_authority(tmp_path: Path) -> None:
    profile = two_scenarios([(20, "500ms")], start_rate=20)
    with StandinServer("--tls") as standin:
        assert standin.ca_file is not None
        env = {"CUSTOMERIO_BASE_URL": standin.url, "CUSTOMERIO_CA_FILE": standin.ca_file}
        finished = run_load_test(tmp_path, profile=profile, env=env)
    assert finished.summary["errors_by_kind"] == {}
    assert finished.summary["metrics"]["http_reqs"]["count"] == 20


@pytest.mark.alone
def test_scenarios_may_start_and_end_apart(tmp_path: Path) -> None:
    one, other = two_scenarios([(20, "1s")], start_rate=20).split("[scenarios.track_load]")
    later = other.replace('user = "track"', 'user = "track"\nstart_time = "2s"')
    with StandinServer("--record-arrivals") as standin:
        finished = run_load_test(
            tmp_path,
            profile=f"{one}[scenarios.track_load]{later}",
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )
        assert standin.arrivals("track")[0] == pytest.approx(2, abs=0.1)
    assert [ledger["started"] for ledger in finished.summary["ledger"].values()] == [20, 20]
    assert finished.summary["run"]["seconds"] == pytest.approx(3.1, abs=0.15)


def test_nobody_listening_is_a_connection_error_not_a_broken_run(tmp_path: Path) -> None:
    finished = run_load_test(
        tmp_path,
        profile=two_scenarios([(20, "500ms")], start_rate=20) + THRESHOLDS,
        env={"CUSTOMERIO_BASE_URL": f"http://127.0.0.1:{free_port()}"},
    )
    assert finished.exit_code == 99
    assert finished.summary["errors_by_kind"] == {"connection error": 20}
    assert "Connection refused" in finished.stderr
