"""The generators that are compared: how each is run at a constant rate, and where its figures are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VUS = 200

# A closed loop drops nothing: it sends later. It keeps a rate if no VU is more than an iteration behind.
_CLOSED_LOOP_MISSES = VUS


@dataclass(frozen=True)
class RunFigures:
    """What one run of a generator took, and what it says of itself.

    Times are in milliseconds, NaN where it does not say. ``others`` is the share of its cores that other
    programs used meanwhile.
    """

    scheduled: int
    completed: int
    cpu_seconds: float
    peak_mb: float
    others: float
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
    """How to run a generator; ``figures`` reads completed iterations, then times as in ``RunFigures``.

    ``command`` takes the server's URL, the rate, the seconds and a folder for the run.
    """

    name: str
    words: str
    command: Callable[[str, int, int, Path], list[str]]
    figures: Callable[[Path], tuple[float, ...]]
    environment: Mapping[str, str] = field(default_factory=dict)
    tool: str | None = None
    is_closed_loop: bool = False

    def measure(self, url: str, rate: int, seconds: int, cores: Collection[int]) -> RunFigures:
        """Run it once, on some cores.

        Raises:
            SystemExit: it left no figures.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = self.command(url, rate, seconds, folder)
            usage = run_on_cores(command, cores, folder, self.environment)
            try:
                count, *times = self.figures(folder)
            except (OSError, ValueError, KeyError, IndexError):
                sys.stderr.write((folder / "errors").read_text()[-2000:])
                raise SystemExit(f"{self.name} left no figures") from None
        return RunFigures(
            *(rate * seconds, round(count), usage.cpu_seconds, usage.peak_mb, usage.others), *times
        )

    def keeps(self, run: RunFigures) -> bool:
        """Return whether a run kept its rate."""
        return run.missing <= (_CLOSED_LOOP_MISSES if self.is_closed_loop else 0)


@dataclass(frozen=True)
class Usage:
    """What a command and its children took, and which share of its cores others took."""

    cpu_seconds: float
    peak_mb: float
    others: float


def run_on_cores(
    command: list[str], cores: Collection[int], folder: Path, environment: Mapping[str, str]
) -> Usage:
    """Run a command in a folder; what it prints is in the files ``output`` and ``errors`` there."""
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores))), *command]
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        began, busy_before = time.monotonic(), _busy_seconds(cores)
        # A user's second run has compiled files. Compiling is a good part of a start, and of the peak memory.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            pinned, cwd=folder, env={**inherited, **environment}, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    own = usage.ru_utime + usage.ru_stime
    others = _busy_seconds(cores) - busy_before - own
    return Usage(own, usage.ru_maxrss / 1024, others / (time.monotonic() - began) / len(cores))


def _busy_seconds(cores: Collection[int]) -> float:
    """Return how long these cores have not been idle, since the machine's start."""
    seconds = 0.0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            seconds += (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return seconds


def _ours(*options: str, vus: int = VUS) -> Callable[[str, int, int, Path], list[str]]:
    def build(url: str, rate: int, seconds: int, folder: Path) -> list[str]:
        (folder / "profile.toml").write_text(
            '[scenarios.load]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\n'
            f"start_rate = {rate}\npre_allocated_vus = {vus}\nmax_vus = {vus}\n"
            f'stages = [{{ target = {rate}, duration = "{seconds}s" }}]\n'
        )
        return [
            sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), "--headless",
            "--loglevel", "WARNING", "--host", url, "--profile", str(folder / "profile.toml"),
            "--results-dir", str(folder / "results"), *options,
        ]  # fmt: skip

    return build


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
const params = {tags: {name: 'identify'},
                headers: {'Content-Type': 'application/json', Authorization: 'Basic YTpi'}};
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
    await k9.http.put(f"URL/api/v1/customers/{id}", headers=headers, tags={"name": "identify"}, json={
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


_K6 = ("k6", "run", "--quiet", "--summary-export", "FOLDER/summary.json", "SCRIPT")
# Without a name for all requests k6 keeps a time series for each URL, and hundreds of MB.
_K6_UNNAMED = _K6_SCRIPT.replace("tags: {name: 'identify'},", "")
_K9 = (
    *("k9", "run", "--quiet", "--summary-trend-stats", "avg,p(99)"),
    *("--summary-export", "FOLDER/summary.json", "SCRIPT"),
)

GENERATORS = {
    generator.name: generator
    for generator in (
        Generator("ours", "this project", _ours(), _our_figures, {"LOAD_TEST_HTTP_CLIENT": "fast"}),
        Generator(
            *("k6", "k6", _script(_K6_SCRIPT, "script.js", *_K6), _k6_figures),
            *({"GOMAXPROCS": "1"}, "k6"),
        ),
        Generator(
            *("k6-unnamed", "k6, no `name` tag", _script(_K6_UNNAMED, "script.js", *_K6), _k6_figures),
            *({"GOMAXPROCS": "1"}, "k6"),
        ),
        Generator("k9-plan", "k9-load, plan", _script(_K9_PLAN, "plan.yaml", *_K9), _k6_figures, tool="k9"),
        Generator(
            *("k9-functions", "k9-load, Python functions", _script(_K9_SCRIPT, "script.py", *_K9)),
            *(_k6_figures,),
            tool="k9",
        ),
        Generator(
            "ours-requests",
            "this project, `requests`",
            _ours(),
            _our_figures,
            {"LOAD_TEST_HTTP_CLIENT": "requests"},
        ),
        Generator(
            "locust-fast",
            "Locust's FastHttpUser",
            _locust("FastHttpUser"),
            _locust_figures,
            is_closed_loop=True,
        ),
        Generator(
            "locust-http", "Locust's HttpUser", _locust("HttpUser"), _locust_figures, is_closed_loop=True
        ),
    )
}


def two_workers() -> Generator:
    """Return this project's generator with two workers and their master; each has the VUs of one alone."""
    return Generator(
        "two workers",
        "this project, two workers",
        _ours("--processes", "2", vus=2 * VUS),
        _our_figures,
        {"LOAD_TEST_HTTP_CLIENT": "fast"},
    )
