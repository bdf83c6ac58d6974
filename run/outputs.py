"""Which outputs a run has: ``metrics.csv`` always, and those that were asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from config.errors import ConfigError
from metrics.csv_output import CsvOutput
from metrics.influxdb_output import InfluxDbOutput, InfluxDbTarget
from metrics.json_output import JsonOutput, join_json
from metrics.output import Output
from metrics.store import Cell, MergedCell
from run.preparation import Preparation

JSON_NAME = "results.json"
_EXPECTED = "expected csv, json, json=PATH, influxdb=URL or python=MODULE:FUNCTION"


def check_outputs(preparation: Preparation, variables: Mapping[str, str]) -> None:
    """Check what can be checked of outputs without opening them.

    Raises:
        ConfigError: one is not of a known form.
    """
    for spec in preparation.outputs:
        kind, equals, value = spec.partition("=")
        if kind == "influxdb":
            _influxdb_target(value, variables)
        elif kind == "python":
            _factory(value)
        elif kind not in ("csv", "json") or (equals and not value) or (kind == "csv" and equals):
            raise ConfigError(f"--out {spec}: {_EXPECTED}")


def open_outputs(
    preparation: Preparation, folder: Path, variables: Mapping[str, str], worker: str | None = None
) -> list[Output]:
    """Open every output of a run, or of one worker's part of it.

    Args:
        preparation: what outputs are asked for.
        folder: where files go that have no path of their own.
        variables: where secrets are.
        worker: the worker's name; its files then stay in its folder, whatever their path.

    Raises:
        ConfigError: one cannot be reached or written.
    """
    try:
        outputs: list[Output] = [CsvOutput(folder / "metrics.csv")]
        for spec in preparation.outputs:
            kind, _, value = spec.partition("=")
            if kind == "json":
                outputs.append(_json_output(preparation, folder, value, worker))
            elif kind == "influxdb":
                target = _influxdb_target(value, variables)
                is_optional = preparation.arguments.outputs_optional
                outputs.append(InfluxDbOutput(target, worker, is_optional=is_optional))
            elif kind == "python":
                outputs.append(_factory(value)(folder, worker))
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error
    return outputs


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
    """A function of somebody else's that makes an output for a folder and a worker's name."""
    module, _, function = value.partition(":")
    try:
        factory: Callable[[Path, str | None], Output] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"--out python={value}: expected MODULE:FUNCTION: {error}") from error
    return factory


def _influxdb_target(url: str, variables: Mapping[str, str]) -> InfluxDbTarget:
    return InfluxDbTarget.parse(url or variables.get("K6_INFLUXDB_ADDR", ""), variables)


class JoinedWorkerFiles:
    """On a master, makes one ``results.json`` at the end from those of the workers whose files are here.

    Workers write their own: no sample is lost on the way, and the master's memory and network have no
    part in it. Where they run on other machines, their files stay there.

    Args:
        preparation: what outputs are asked for.
        folder: the run's.
        workers: how many workers have had a part in the run, asked at the end.
    """

    name = "the workers' files"
    takes_merged = True

    def __init__(self, preparation: Preparation, folder: Path, workers: Callable[[], int]) -> None:
        self._paths = [
            json_path(value, folder)
            for kind, _, value in (spec.partition("=") for spec in preparation.outputs)
            if kind == "json"
        ]
        self._folder = folder
        self._workers = workers

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Do nothing: single samples are in the workers' own files."""

    def stop(self) -> str | None:
        """Join the files; say how many of the workers' are not here."""
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
