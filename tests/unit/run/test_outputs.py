"""The outputs that ``--out`` names, checked before anything is opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.profile import ProfileText
from config.settings import load_settings
from run.arguments import Arguments
from run.outputs import check_outputs, open_outputs, open_outputs_of_totals
from run.preparation import Preparation, prepare
from users.identify import IdentifyUser
from users.kinds import Kinds

TOML = (
    '[scenarios.a]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\npre_allocated_vus = 1\n'
    'stages = [{ target = 1, duration = "1s" }]\n'
)


def preparation_with(tmp_path: Path, *outputs: str) -> Preparation:
    arguments = Arguments("p", 1.0, tmp_path, allow_live=True, people_seed=0, outputs=outputs)
    kinds = Kinds([IdentifyUser], [IdentifyUser])
    return prepare(arguments, load_settings({}), None, kinds, ProfileText("p", TOML))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "otel=http://h:4318",
            "--out otel: expected no value; OTEL_EXPORTER_OTLP_ENDPOINT names the receiver",
        ),
        ("opentelemetry", "--out opentelemetry: here it is --out otel"),
        ("prometheus", "--out prometheus: expected prometheus=PORT or prometheus=HOST:PORT, got ''"),
        ("prometheus=http://h", "--out prometheus: expected prometheus=PORT or prometheus=HOST:PORT"),
        ("otlp", "--out otlp: expected csv, json, json=PATH, influxdb=URL, otel, prometheus=PORT or python="),
    ],
)
def test_an_output_of_another_form_is_one_line(tmp_path: Path, output: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_outputs(preparation_with(tmp_path, output), {})
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_without_its_packages_the_line_has_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "metrics.otel_output", raising=False)
    # What Python does with a package that is not installed.
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError) as caught:
        check_outputs(preparation_with(tmp_path, "otel"), {})
    assert str(caught.value) == (
        "--out otel: the packages of OpenTelemetry are missing; install them with: "
        f"{sys.executable} -m pip install -r requirements-otel.lock"
    )
    assert Path("requirements-otel.lock").is_file()


def test_workers_open_no_output_of_totals(tmp_path: Path) -> None:
    # Nobody listens there, so to open it would fail.
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    preparation = preparation_with(tmp_path, "otel")
    with pytest.raises(ConfigError, match="cannot be reached"):
        open_outputs_of_totals(preparation, tmp_path, variables)
    (csv,) = open_outputs(preparation, tmp_path, variables, worker="worker-0")
    assert csv.name == "metrics.csv"
    csv.stop()
