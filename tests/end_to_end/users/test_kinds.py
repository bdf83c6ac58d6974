"""Each kind of user against the stand-in: an exact ledger, the same counts there, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.programs.load_test import SCENARIO, Finished, run_load_test
from tests.servers.receiver_process import KEY, ReceiverProcess
from tests.servers.standin_server import StandinServer

RATES = {"batch": 4, "anonymous": 20, "device": 10, "object": 10}
# The fourteen Pipelines calls are each of the seven twice, the first and the last one a batch's.
OTHER_APIS = {"transactional": 9, "broadcast": 5, "pipelines": 14, "webhook": 15}
SECONDS = 2
PER_BATCH = 25
PER_PIPELINES_BATCH = 20
PIPELINES_CALLS = ("identify", "track", "page", "screen", "group", "alias", "batch")


def test_every_kind_sends_what_its_ledger_says(tmp_path: Path) -> None:
    profile = profile_of(RATES)
    with StandinServer() as standin:
        finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
        stats = standin.stats()

    assert finished.exit_code == 0, finished.stderr
    sent = sent_by_kind(finished, RATES)
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


def test_every_kind_for_another_api_sends_what_its_ledger_says(tmp_path: Path) -> None:
    profile = profile_of(OTHER_APIS, {"pipelines": 'env = { STRICT_MODE = "1" }'})
    # Without the limits, so that there is more than one broadcast: a busy machine may drop it.
    with StandinServer("--no-app-limits") as standin, ReceiverProcess(tmp_path / "events.jsonl") as receiver:
        finished = run_load_test(
            tmp_path,
            profile=profile,
            env={
                "CUSTOMERIO_BASE_URL": standin.url,
                "WEBHOOK_URL": f"{receiver.url}/customerio",
                "WEBHOOK_SIGNING_KEY": KEY,
            },
        )
        stats, health, kept = standin.stats(), receiver.health(), receiver.kept()

    assert finished.exit_code == 0, finished.stderr
    assert f"Plan for {standin.url}, {receiver.url}: 4 scenarios" in finished.stderr
    assert KEY not in finished.stdout + finished.stderr
    sent = sent_by_kind(finished, OTHER_APIS)
    requests = stats["requests"]
    messages = {name: requests.get(f"send_{name}", 0) for name in ("email", "push", "sms")}
    pipelines = {name: requests.get(f"pipelines_{name}", 0) for name in PIPELINES_CALLS}
    assert sum(messages.values()) == sent["transactional"]
    assert requests["trigger_broadcast"] == sent["broadcast"]
    assert sum(pipelines.values()) == sent["pipelines"]
    assert stats["statuses"] == {"200": sum(sent.values()) - sent["webhook"]}
    assert stats["ignored"] == stats["refused"] == 0
    in_batches = pipelines["batch"] * PER_PIPELINES_BATCH // 2
    assert stats["items"] == {"taken": {"identify": in_batches, "track": in_batches}, "refused": 0}
    assert stats["events"] == pipelines["track"] + pipelines["page"] + pipelines["screen"] + in_batches
    assert health["results"] == {"kept": sent["webhook"]}
    assert len(set(kept)) == len(kept) == sent["webhook"]


def test_webhooks_alone_go_to_a_receiver_that_the_run_starts(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    finished = run_load_test(tmp_path, profile=profile_of({"webhook": 20}), env={"TMPDIR": str(temporary)})

    assert finished.exit_code == 0, finished.stderr
    assert sent_by_kind(finished, {"webhook": 20})["webhook"] > 0
    assert "No WEBHOOK_URL: the webhooks go to a local receiver at http://127.0.0.1:" in finished.stderr
    assert "stand-in" not in finished.stdout + finished.stderr
    assert list(temporary.iterdir()) == []


def profile_of(rates: Mapping[str, float], more: Mapping[str, str] | None = None) -> str:
    return "".join(
        SCENARIO.format(
            user=user,
            start_rate=rate,
            vus=5,
            stages=f'[{{ target = {rate}, duration = "{SECONDS}s" }}]',
            more=(more or {}).get(user, ""),
        )
        for user, rate in rates.items()
    )


def sent_by_kind(finished: Finished, rates: Mapping[str, float]) -> dict[str, int]:
    """Return how many requests each kind has sent, after a look at its ledger and its own Trend."""
    # A busy machine may drop arrivals: what was started is what counts.
    ledger = {user: finished.summary["ledger"][f"{user}_load"] for user in rates}
    sent = {user: of_kind["started"] for user, of_kind in ledger.items()}
    for user, of_kind in ledger.items():
        assert of_kind["scheduled"] == rates[user] * SECONDS == of_kind["started"] + of_kind["dropped"]
        assert finished.summary["metrics"][f"{user}_duration"]["count"] == sent[user] > 0
    return sent
