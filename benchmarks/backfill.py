"""A long backfill that is killed on the way: its memory, its rate, and what became of every line.

    python benchmarks/backfill.py --lines 1000000

The worker and the stand-in run on this machine and end by themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.pipeline_worker import WorkerProcess
from tests.standin_server import StandinServer

PEOPLE = 10_000
POISON_EVERY = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, StandinServer() as standin:
        source = Path(folder, "events.jsonl")
        write_source(source, options.lines)
        began = time.monotonic()
        for kill in range(options.kills + 1):
            stop_at = None if kill == options.kills else (kill + 1) * options.lines // (options.kills + 1)
            run(standin, source, stop_at)
        seconds = time.monotonic() - began
        report(standin, source, options.lines, seconds)


def write_source(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            if number % POISON_EVERY == POISON_EVERY - 1:
                file.write("poison\n")
                continue
            payload = {"event": "order", "properties": {"sequence": number // PEOPLE}}
            message = {"type": "track", "userId": f"person-{number % PEOPLE}", "payload": payload}
            file.write(json.dumps(message) + "\n")


def run(standin: StandinServer, source: Path, stop_at: int | None) -> None:
    """One run, killed when so many lines are settled, or to its end."""
    position = Path(f"{source}.position")
    with WorkerProcess({"CUSTOMERIO_BASE_URL": standin.url}, "--from", str(source)) as worker:
        memory_mb: list[float] = []
        while worker.process.poll() is None:
            time.sleep(1)
            memory_mb.append(resident_mb(worker.process.pid))
            settled = json.loads(position.read_bytes())["delivered"] if position.exists() else 0
            if stop_at is not None and settled >= stop_at:
                worker.kill()
                break
        steady = [mb for mb in memory_mb[len(memory_mb) // 4 :] if mb]
        memory = f"memory {steady[0]:.0f} MB after a quarter, {max(steady):.0f} MB at most"
        print(f"exit {worker.process.returncode}, {len(memory_mb)} s, {memory}  {worker.output().strip()}")


def resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0
    )


def report(standin: StandinServer, source: Path, lines: int, seconds: float) -> None:
    stats = standin.stats()
    good = lines - lines // POISON_EVERY
    letters = len(Path(f"{source}.dead.jsonl").read_bytes().splitlines())
    print(
        f"{lines} lines in {seconds:.0f} s: {stats['events']} events at the stand-in ({good} expected), "
        f"{stats['duplicates']} duplicates by de-duplication id, {letters} dead letters "
        f"({lines // POISON_EVERY} expected), lost: {good - stats['events']}"
    )


if __name__ == "__main__":
    main()
