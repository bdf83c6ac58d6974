"""The outputs of a run: always ``metrics.csv``, and those of ``--out`` and the profile."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

from config.errors import ConfigError
from config.shown import shown_url
from metrics.csv_output import CsvOutput
from metrics.influxdb_output import InfluxDbOutput, InfluxDbTarget
from metrics.json_output import JsonOutput, join_json
from metrics.output import Output
from metrics.store import Cell, MergedCell
from run.preparation import Preparation
from run.run import yield_to_arrivals
from shapes.rate_options import schedule_of

JSON_NAME = "results.json"
OTEL_LOCK = "requirements-otel.lock"
_EXPECTED = "expected csv, json, json=PATH, influxdb=URL, otel, prometheus=PORT or python=MODULE:FUNCTION"


def check_outputs(preparation: Preparation, variables: Mapping[str, str]) -> None:
    """Check the outputs of a run as far as possible without opening them.

    Raises:
        ConfigError: an output has no known form.
    """
    for spec in preparation.outputs:
        kind, equals, value = spec.partition("=")
        if kind == "influxdb":
            _influxdb_target(value, variables)
        elif kind == "python":
            _factory(value)
        elif kind == "prometheus":
            _prometheus_output().parse_prometheus_address(value)
        elif kind == "opentelemetry":
            raise ConfigError("--out opentelemetry: here it is --out otel")
        elif kind == "otel" and equals:
            raise ConfigError("--out otel: expected no value; OTEL_EXPORTER_OTLP_ENDPOINT names the receiver")
        elif kind == "otel":
            _otel_output().OtelSettings.read(variables)
        elif spec not in ("csv", "json") and not (kind == "json" and value):
            # Of another form than it should be, it may hold a secret anywhere.
            raise ConfigError(f"--out {shown_url(kind)[1:-1]}{'=...' if equals else ''}: {_EXPECTED}")


def open_outputs(
    preparation: Preparation, folder: Path, variables: Mapping[str, str], worker: str | None = None
) -> list[Output]:
    """Open all outputs of a run, or of one worker's part of it.

    Args:
        preparation: names the outputs.
        folder: for files without a path of their own.
        variables: the environment and ``.env``, which hold the secrets.
        worker: the worker's name. With it, all files go into ``folder``, whatever their path.

    Raises:
        ConfigError: an output cannot be reached or written.
    """
    try:
        return _open_all(_outputs(preparation, folder, variables, worker))
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error


def open_outputs_of_totals(
    preparation: Preparation, folder: Path, variables: Mapping[str, str]
) -> list[Output]:
    """Open the outputs that take totals, not samples: one for the whole run, whatever its workers.

    Args:
        preparation: names the outputs.
        folder: the run's, which is named after its id.
        variables: the environment and ``.env``.

    Raises:
        ConfigError: a receiver cannot be reached, or a port is not free.
    """
    return _open_all(_outputs_of_totals(preparation, folder.name, variables))


def _open_all(outputs: Iterator[Output]) -> list[Output]:
    """Return outputs that are opened as they are iterated over. If one cannot be, stop those before it.

    The web UI lives on, and must not go on sending for a run that never was.
    """
    opened = []
    with ExitStack() as stack:
        for output in outputs:
            stack.callback(output.stop)
            opened.append(output)
        stack.pop_all()
    return opened


def _outputs(
    preparation: Preparation, folder: Path, variables: Mapping[str, str], worker: str | None
) -> Iterator[Output]:
    yield CsvOutput(folder / "metrics.csv", yield_to_arrivals)
    for spec in preparation.outputs:
        kind, _, value = spec.partition("=")
        if kind == "json":
            yield _json_output(preparation, folder, value, worker)
        elif kind == "influxdb":
            target = _influxdb_target(value, variables)
            yield InfluxDbOutput(target, worker, is_optional=preparation.arguments.outputs_optional)
        elif kind == "python":
            yield _made_elsewhere(value, folder, worker)
    if worker is None:
        yield from _outputs_of_totals(preparation, folder.name, variables)


def _outputs_of_totals(
    preparation: Preparation, run_id: str, variables: Mapping[str, str]
) -> Iterator[Output]:
    scheduled = {name: schedule_of(options).total for name, options in preparation.profile.scenarios.items()}
    for spec in preparation.outputs:
        kind, _, value = spec.partition("=")
        if kind == "otel":
            otel = _otel_output()
            is_optional = preparation.arguments.outputs_optional
            settings = otel.OtelSettings.read(variables)
            yield otel.OtelOutput(settings, run_id, scheduled, is_optional=is_optional)
        elif kind == "prometheus":
            prometheus = _prometheus_output()
            address = prometheus.parse_prometheus_address(value)
            yield prometheus.PrometheusOutput(address, scheduled, yield_to_arrivals)


def _otel_output() -> ModuleType:
    """Return the module of the OpenTelemetry output, whose packages are an extra."""
    try:
        return importlib.import_module("metrics.otel_output")
    except ImportError as error:
        raise ConfigError(
            f"--out otel: the packages of OpenTelemetry are missing; install them with: "
            f"{sys.executable} -m pip install -r {OTEL_LOCK}"
        ) from error


def _prometheus_output() -> ModuleType:
    """Return the module of the Prometheus output."""
    # Loaded here: Prometheus' client takes 10 ms and 1 MB, for one output of many.
    from metrics import prometheus_output

    return prometheus_output


def json_path(value: str, folder: Path) -> Path:
    """Return the path of ``--out json=value``: what it says, or a file in the run's folder."""
    return Path(value) if value else folder / JSON_NAME


def _json_output(preparation: Preparation, folder: Path, value: str, worker: str | None) -> JsonOutput:
    path = json_path(value, folder)
    if worker is not None:
        path = folder / path.name
    thresholds = {
        selector: [options.threshold.source for options in thresholds]
        for selector, thresholds in preparation.profile.thresholds.items()
    }
    return JsonOutput(path, thresholds, worker)


def _factory(value: str) -> Callable[[Path, str | None], Output]:
    """Return the function ``MODULE:FUNCTION``, which makes an output for a folder and a worker's name."""
    module, colon, function = value.partition(":")
    if not (module and colon and function):
        raise ConfigError(f"--out python={value}: expected MODULE:FUNCTION")
    try:
        factory: Callable[[Path, str | None], Output] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"--out python={value}: expected MODULE:FUNCTION: {error}") from error
    return factory


def _made_elsewhere(value: str, folder: Path, worker: str | None) -> Output:
    """Make an output by somebody else's function, and check that it is one."""
    factory = _factory(value)
    try:
        output = factory(folder, worker)
    except (ConfigError, OSError):
        raise
    except Exception as error:  # the mistake is in the user's own code
        raise ConfigError(f"--out python={value}: {type(error).__name__}: {error}") from error
    missing = [
        name for name in ("name", "takes_whole_seconds", "samples", "stop") if not hasattr(output, name)
    ]
    if missing:
        raise ConfigError(f"--out python={value}: expected an output with {', '.join(missing)}")
    return output


def _influxdb_target(url: str, variables: Mapping[str, str]) -> InfluxDbTarget:
    return InfluxDbTarget.parse(url or variables.get("K6_INFLUXDB_ADDR", ""), variables)


class JoinedWorkerFiles:
    """Joins the workers' JSON files into one ``results.json`` when the run ends, on the master.

    Each worker writes its samples itself, so none is lost on the way, and the master needs no memory and no
    network for them. The files of workers on other machines stay there.

    Args:
        preparation: names the outputs.
        folder: the run's folder.
        workers: returns how many workers have taken part in the run.
    """

    name = "the workers' files"
    takes_whole_seconds = True

    def __init__(self, preparation: Preparation, folder: Path, workers: Callable[[], int]) -> None:
        self._paths = [
            json_path(value, folder)
            for kind, _, value in (spec.partition("=") for spec in preparation.outputs)
            if kind == "json"
        ]
        self._folder = folder
        self._workers = workers

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Do nothing: the samples are in the workers' files."""

    def stop(self) -> str | None:
        """Join the files. Return a note if the files of some workers are not on this machine."""
        notes = []
        for path in self._paths:
            parts = sorted(self._folder.glob(f"workers/*/{path.name}"))
            join_json(parts, path)
            if len(parts) < self._workers():
                notes.append(
                    f"{path} has the samples of {len(parts)} of {self._workers()} workers; "
                    "the others have their own"
                )
        return "; ".join(notes) or None
