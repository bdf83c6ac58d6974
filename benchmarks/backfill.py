"""A long backfill that is killed on the way: its memory, its rate, and what became of every line.

    python benchmarks/backfill.py --lines 1000000

The worker and the stand-in run on this machine and end by themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from standin.control_client import ControlClient  # noqa: E402 - after the path
from standin.own_process import LocalStandin  # noqa: E402

PEOPLE = 10_000
POISON_EVERY = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStandin() as standin:
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


def run(standin: LocalStandin, source: Path, stop_at: int | None) -> None:
    """One run, killed when so many lines are settled, or to its end."""
    position = Path(f"{source}.position")
    command = [sys.executable, "-m", "pipeline.worker", "--from", str(source)]
    with subprocess.Popen(
        command, cwd=ROOT, env=worker_environment(standin), stdout=subprocess.PIPE, text=True
    ) as worker:
        memory_mb: list[float] = []
        while worker.poll() is None:
            time.sleep(1)
            memory_mb.append(resident_mb(worker.pid))
            settled = json.loads(position.read_bytes())["delivered"] if position.exists() else 0
            if stop_at is not None and settled >= stop_at:
                worker.kill()
                break
        output, _ = worker.communicate()
        steady = [mb for mb in memory_mb[len(memory_mb) // 4 :] if mb]
        memory = f"memory {steady[0]:.0f} MB after a quarter, {max(steady):.0f} MB at most"
        print(f"exit {worker.returncode}, {len(memory_mb)} s, {memory}  {output.strip()}")


def worker_environment(standin: LocalStandin) -> dict[str, str]:
    """This environment without anybody's settings of the pipeline, and with this target."""
    ours = ("CUSTOMERIO_", "KAFKA_", "BATCH_", "LIMIT_", "HEALTH_", "LOG_", "REDIS_", "TRACK_", "CONCURRENCY")
    others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**others, "PIPELINE_ENV_FILE": os.devnull, "CUSTOMERIO_BASE_URL": standin.url}


def resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0
    )


def report(standin: LocalStandin, source: Path, lines: int, seconds: float) -> None:
    stats = ControlClient(standin.url).stats()
    good = lines - lines // POISON_EVERY
    letters = len(Path(f"{source}.dead.jsonl").read_bytes().splitlines())
    print(
        f"{lines} lines in {seconds:.0f} s: {stats['events']} events at the stand-in ({good} expected), "
        f"{stats['duplicates']} duplicates by de-duplication id, {letters} dead letters "
        f"({lines // POISON_EVERY} expected), lost: {good - stats['events']}"
    )


if __name__ == "__main__":
    main()
