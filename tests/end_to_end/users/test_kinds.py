"""Each kind of user against the stand-in: an exact ledger, the same counts there, and what it leaves."""

from __future__ import annotations

from pathlib import Path

from tests.programs.load_test import SCENARIO, run_load_test
from tests.servers.standin_server import StandinServer

RATES = {"batch": 4, "anonymous": 20, "device": 10, "object": 10}
SECONDS = 2
PER_BATCH = 25


def test_every_kind_sends_what_its_ledger_says(tmp_path: Path) -> None:
    profile = "".join(
        SCENARIO.format(
            user=user,
            start_rate=rate,
            vus=5,
            stages=f'[{{ target = {rate}, duration = "{SECONDS}s" }}]',
            more="",
        )
        for user, rate in RATES.items()
    )
    with StandinServer() as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        stats = standin.stats()

    assert finished.exit_code == 0, finished.stderr
    # A busy machine may drop arrivals: what was started is what counts.
    ledger = {user: finished.summary["ledger"][f"{user}_load"] for user in RATES}
    sent = {user: of_kind["started"] for user, of_kind in ledger.items()}
    for user, of_kind in ledger.items():
        assert of_kind["scheduled"] == RATES[user] * SECONDS == of_kind["started"] + of_kind["dropped"]
        assert finished.summary["metrics"][f"{user}_duration"]["count"] == sent[user] > 0

    requests = stats["requests"]
    assert requests["track_anonymous"] + requests["identify"] == sent["anonymous"]
    assert (requests["batch"], requests["add_device"], requests["entity"]) == (
        *(sent["batch"], sent["device"], sent["object"]),
    )
    assert stats["statuses"] == {"200": sum(sent.values())}
    in_batches = sent["batch"] * PER_BATCH
    assert stats["items"] == {
        "taken": {"identify": in_batches + sent["object"], "event": in_batches},
        "refused": 0,
    }
    assert stats["events"] == in_batches + requests["track_anonymous"]
    assert stats["relationships"] == sent["object"]
    assert 1 <= stats["objects"] <= RATES["object"] * SECONDS // 10
    # All kinds mean the same people by the same numbers.
    assert in_batches <= stats["people"] <= RATES["batch"] * SECONDS * PER_BATCH
