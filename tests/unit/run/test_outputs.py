"""The outputs that ``--out`` names, checked before anything is opened."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.profile import ProfileText
from config.settings import load_settings
from metrics.json_output import JsonOutput
from run.arguments import Arguments
from run.outputs import check_outputs, open_outputs, open_outputs_of_totals
from run.preparation import Preparation, prepare
from tests.servers.otlp_receiver import OtlpReceiver
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


def test_when_one_output_cannot_be_opened_the_others_are_closed(tmp_path: Path) -> None:
    with OtlpReceiver() as receiver, socket.create_server(("127.0.0.1", 0)) as taken:
        preparation = preparation_with(tmp_path, "otel", f"prometheus={taken.getsockname()[1]}")
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_METRIC_EXPORT_INTERVAL": "3600000"}
        with pytest.raises(ConfigError, match="expected a free port"):
            open_outputs_of_totals(preparation, tmp_path, variables)
        # The first and the last: it has ended.
        assert len(receiver.exports) == 2


def test_an_output_of_samples_is_closed_too_when_a_later_one_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = JsonOutput(tmp_path / "own.json", {})
    monkeypatch.setattr(sys.modules[__name__], "own_output", lambda folder, worker: opened, raising=False)
    preparation = preparation_with(tmp_path, f"python={__name__}:own_output", f"json={tmp_path}/none/a.json")
    with pytest.raises(ConfigError, match=r"a\.json: cannot be written: No such file"):
        open_outputs(preparation, tmp_path, {})
    with pytest.raises(ValueError, match="closed file"):
        opened.samples(0, 0, [])
