"""The Grafana side of the InfluxDB output: provisioning, dashboard, and the compose file's profile."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.customerio.limits import limit
from metrics.verdict import START_LAG_LIMIT_MS
from tests.programs.compose_file import compose_config

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "deploy/grafana"
SERVICES = ("influxdb", "influxdb-data", "grafana")
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/load-test.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def provisioned(kind: str) -> dict[str, Any]:
    (path,) = (GRAFANA / "provisioning" / kind).iterdir()
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    assert content["apiVersion"] == 1
    return content


def threshold_lines(title: str) -> list[float]:
    """Where a panel has lines, or its figure changes colour."""
    defaults = PANELS[title]["fieldConfig"]["defaults"]
    if PANELS[title]["type"] == "timeseries":
        assert defaults["custom"]["thresholdsStyle"]["mode"] == "line"
    first, *others = defaults["thresholds"]["steps"]
    assert first["value"] is None
    return [step["value"] for step in others]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return compose_config(tmp_path_factory.mktemp("compose"), "metrics")


@pytest.fixture(scope="module")
def services(composed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = composed["services"]
    return found


def test_the_dashboards_data_source_is_the_provisioned_one() -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert VARIABLES["datasource"]["query"] == source["type"] == "influxdb"
    assert VARIABLES["datasource"]["current"] == {"text": source["name"], "value": source["uid"]}
    users = [*PANELS.values(), *(target for panel in PANELS.values() for target in panel["targets"])]
    users += [VARIABLES["scenario"], VARIABLES["worker"]]
    assert all(user["datasource"] == {"type": "influxdb", "uid": "${datasource}"} for user in users)


def test_the_data_source_is_the_compose_files_influxdb(services: dict[str, Any]) -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert source["url"] == "http://influxdb:8086"
    assert "influxdb" in services
    assert source["jsonData"]["dbName"] == "k6"
    assert source["jsonData"]["version"] == "InfluxQL"
    assert "secureJsonData" not in source


def test_the_provisioned_folders_are_those_that_are_mounted(services: dict[str, Any]) -> None:
    (provider,) = provisioned("dashboards")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    targets = {target: source for source, target in mounts.items()}
    assert targets[provider["options"]["path"]].endswith("/deploy/grafana/dashboards")
    assert targets["/etc/grafana/provisioning"].endswith("/deploy/grafana/provisioning")
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (GRAFANA / "dashboards" / home.name).is_file()


def test_the_dashboard_has_what_identifies_it_and_no_two_panels_alike() -> None:
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 39
    assert len(PANELS) == len(DASHBOARD["panels"])
    assert len({panel["id"] for panel in PANELS.values()}) == len(PANELS)


def test_no_two_panels_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS.values():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_has_queries_a_unit_and_a_description(title: str) -> None:
    panel = PANELS[title]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert len(panel["description"]) > 40
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["rawQuery"] is True
        assert "$timeFilter" in target["query"]
        assert ("GROUP BY time($__interval)" in target["query"]) == (panel["type"] == "timeseries")


@pytest.mark.parametrize("title", PANELS)
def test_every_query_heeds_what_is_chosen_unless_it_is_about_the_whole_workspace(title: str) -> None:
    for target in PANELS[title]["targets"]:
        chosen = set(re.findall(r'"(\w+)" =~ /\^\$\{(\w+):regex\}\$/', target["query"]))
        is_about_all = title == "Requests against Customer.io's limits"
        assert chosen == (set() if is_about_all else {("scenario", "scenario"), ("worker", "worker")})


@pytest.mark.parametrize("name", ["scenario", "worker"])
def test_all_scenarios_and_workers_can_be_chosen_even_where_there_is_no_such_tag(name: str) -> None:
    variable = VARIABLES[name]
    assert variable["includeAll"] is True
    assert variable["multi"] is True
    assert variable["allValue"] == ".*"
    assert variable["current"]["value"] == ["$__all"]


def test_published_limits_are_lines_and_are_always_in_sight() -> None:
    title = "Requests against Customer.io's limits"
    published = [limit("track_requests_per_second_older"), limit("track_requests_per_second")]
    assert threshold_lines(title) == published
    assert PANELS[title]["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] > max(published)
    for value in published:
        assert f"{value}/s" in PANELS[title]["description"]


@pytest.mark.parametrize("title", ["p99 start lag", "Start lag", "p99 start lag per worker"])
def test_the_verdicts_limit_is_a_line(title: str) -> None:
    assert threshold_lines(title) == [START_LAG_LIMIT_MS]


def test_the_default_profiles_thresholds_are_lines() -> None:
    default = tomllib.loads((ROOT / "config/profiles/ramping-rate.toml").read_text())["thresholds"]
    for title in ("Errors", "Iterations with errors"):
        assert [f"rate<{value}" for value in threshold_lines(title)] == default["errors"]
    for name in ("identify", "track"):
        lines = threshold_lines(f"{name} duration")
        assert [f"p(95)<{value}" for value in lines] == default[f"{name}_duration"]


def test_without_the_profile_compose_starts_neither_database_nor_grafana(services: dict[str, Any]) -> None:
    """Its ``config`` lists every service, whatever the profile, so this looks at what decides."""
    assert {name for name, service in services.items() if service.get("profiles") == ["metrics"]} == set(
        SERVICES
    )
    for name in services.keys() - set(SERVICES):
        assert "metrics" not in services[name].get("profiles", []), name
        assert not services[name].get("depends_on", {}).keys() & set(SERVICES), name


def test_the_file_is_valid_without_the_profile_too(composed: dict[str, Any], tmp_path: Path) -> None:
    assert sorted(compose_config(tmp_path)["services"]) == sorted(composed["services"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_held_to_what_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    is_moment = name == "influxdb-data"
    assert service.get("cap_add", []) == (["FOWNER"] if is_moment else [])
    assert (service["user"].partition(":")[0] == "0") == is_moment
    assert (service.get("network_mode") == "none") == is_moment
    assert ("healthcheck" in service) != is_moment


def test_images_are_pinned_and_can_be_others(services: dict[str, Any]) -> None:
    raw = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert services["influxdb"]["image"] == services["influxdb-data"]["image"] == "influxdb:1.8"
    assert re.fullmatch(r"grafana/grafana-oss:\d+\.\d+\.\d+", services["grafana"]["image"])
    assert raw["influxdb"]["image"].startswith("${INFLUXDB_IMAGE:-")
    assert raw["grafana"]["image"].startswith("${GRAFANA_IMAGE:-")


def test_both_are_reached_from_this_machine_only() -> None:
    raw = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert raw["influxdb"]["ports"] == ["127.0.0.1:8086:8086"]
    assert raw["grafana"]["ports"] == ["127.0.0.1:3000:3000"]


def test_nobody_can_log_in_and_there_is_no_password(services: dict[str, Any]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    # Without these, Grafana makes an administrator with a password that everybody knows.
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert not [
        name for service in services.values() for name in service.get("environment", {}) if "PASSWORD" in name
    ]


def test_data_outlives_the_containers(composed: dict[str, Any]) -> None:
    assert {"influxdb-data", "grafana-data"} <= set(composed["volumes"])
