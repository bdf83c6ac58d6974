"""The cluster of docker-compose.yml, as docker-compose itself reads it. No engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs.compose_file import compose_config

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("master", "worker", "standin", "results")


def compose_services(folder: Path, **given: Any) -> dict[str, Any]:
    services: dict[str, Any] = compose_config(folder, **given)["services"]
    return services


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return compose_services(tmp_path_factory.mktemp("compose"))


def test_it_has_a_master_workers_a_stand_in_and_the_one_that_opens_the_results(
    services: dict[str, Any],
) -> None:
    assert {name for name, service in services.items() if not service.get("profiles")} == set(SERVICES)
    assert services["master"]["environment"]["LOCUST_MODE_MASTER"] == "true"
    assert services["worker"]["environment"]["LOCUST_MODE_WORKER"] == "true"
    assert services["worker"]["environment"]["LOCUST_MASTER_NODE_HOST"] == "master"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_held_to_what_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert "tmpfs" in service


def test_nothing_that_lasts_runs_as_root(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    (image_user,) = set(re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE))
    users = {name: services[name].get("user", image_user).partition(":")[0] for name in SERVICES}
    assert [name for name, user in users.items() if user == "0"] == ["results"]
    opens = services["results"]
    assert opens["entrypoint"][0] == "find"
    assert opens["cap_add"] == ["FOWNER"]
    assert opens["network_mode"] == "none"


@pytest.mark.parametrize("name", ["master", "worker", "standin"])
def test_every_server_has_a_health_check(services: dict[str, Any], name: str) -> None:
    assert services[name]["healthcheck"]["test"][0] == "CMD"


def test_the_run_waits_for_the_stand_in_and_the_results_folder(services: dict[str, Any]) -> None:
    ready = {"results": "service_completed_successfully", "standin": "service_healthy"}
    for name, conditions in {"worker": ready, "master": {**ready, "worker": "service_started"}}.items():
        depends_on = services[name]["depends_on"]
        assert {other: dependency["condition"] for other, dependency in depends_on.items()} == conditions


def test_an_ended_run_has_the_time_to_write_its_summary(services: dict[str, Any]) -> None:
    for name in ("master", "worker"):
        assert services[name]["stop_grace_period"] in ("60s", "1m0s")


def test_the_web_ui_is_published_on_loopback_only() -> None:
    master = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["master"]
    assert master["ports"] == ["127.0.0.1:8089:8089"]


def test_the_web_ui_listens_where_the_published_port_arrives(services: dict[str, Any]) -> None:
    assert services["master"]["environment"]["LOCUST_WEB_HOST"] == "0.0.0.0"  # noqa: S104 - the container's
    assert "LOCUST_WEB_HOST" not in services["worker"]["environment"]


def test_the_load_goes_to_the_stand_in_unless_told_otherwise(services: dict[str, Any]) -> None:
    for name in ("master", "worker"):
        environment = services[name]["environment"]
        assert environment["CUSTOMERIO_BASE_URL"] == "http://standin:8080"
        assert environment["CUSTOMERIO_SITE_ID"] == environment["CUSTOMERIO_API_KEY"] == "standin"


def test_a_dotenv_file_alone_changes_no_target(tmp_path: Path) -> None:
    """Somebody who has credentials in .env for another use still loads the stand-in."""
    services = compose_services(tmp_path, dotenv="CUSTOMERIO_SITE_ID=mine\nCUSTOMERIO_API_KEY=hush\n")
    assert services["worker"]["environment"]["CUSTOMERIO_API_KEY"] == "standin"
    assert "hush" not in str(services)


@pytest.mark.parametrize("where", ["shell", ".env"])
def test_a_file_of_ones_own_replaces_the_stand_in_whole(tmp_path: Path, where: str) -> None:
    """No base URL of the stand-in is left beside one's own credentials."""
    dotenv = "CUSTOMERIO_SITE_ID=mine\nCUSTOMERIO_API_KEY=hush\nCUSTOMERIO_BASE_URL=\n"
    if where == "shell":
        services = compose_services(tmp_path, dotenv=dotenv, CLUSTER_ENV_FILE=".env")
    else:
        services = compose_services(tmp_path, dotenv=dotenv + "CLUSTER_ENV_FILE=.env\n")
    for name in ("master", "worker"):
        environment = services[name]["environment"]
        assert (environment["CUSTOMERIO_SITE_ID"], environment["CUSTOMERIO_API_KEY"]) == ("mine", "hush")
        assert not environment["CUSTOMERIO_BASE_URL"]
    assert "hush" not in str([services["standin"], services["results"]])


def test_what_to_run_is_the_masters_alone_to_say(tmp_path: Path) -> None:
    """A profile in the env file is a default that an argument to the master goes over."""
    services = compose_services(
        tmp_path, files={"my.env": "LOAD_TEST_PROFILE=soak\n"}, CLUSTER_ENV_FILE="my.env"
    )
    assert services["master"]["environment"]["LOAD_TEST_PROFILE"] == "soak"
    assert services["worker"]["environment"]["LOAD_TEST_PROFILE"] == ""


def test_the_files_committed_hold_no_credentials() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.findall(r"CUSTOMERIO_(?:SITE_ID|API_KEY|AUTH)", text)
    lines = (ROOT / "deploy/standin.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert values == {
        "CUSTOMERIO_BASE_URL": "http://standin:8080",
        "CUSTOMERIO_SITE_ID": "standin",
        "CUSTOMERIO_API_KEY": "standin",
    }


def test_one_variable_says_how_many_workers_there_are_and_how_many_to_wait_for(tmp_path: Path) -> None:
    services = compose_services(tmp_path, CLUSTER_WORKERS="5")
    assert services["worker"]["scale"] == 5
    assert services["master"]["environment"]["LOCUST_EXPECT_WORKERS"] == "5"


def test_the_results_folder_is_the_hosts_and_its_files_are_whose_one_says(tmp_path: Path) -> None:
    services = compose_services(tmp_path, CLUSTER_UID="1234", CLUSTER_GID="5678")
    assert services["master"]["user"] == services["worker"]["user"] == "1234:5678"
    opens = services["results"]["entrypoint"]
    assert opens[opens.index("-user") + 1] == "1234"
    raw = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name in ("master", "worker", "results"):
        assert raw[name]["volumes"] == ["./results:/results:z"]


def test_the_example_file_as_it_is_changes_no_results_folder(tmp_path: Path) -> None:
    """Its variables are there and empty, and an empty one of a file is over the image's own."""
    example = (ROOT / ".env.example").read_text()
    assert "LOAD_TEST_RESULTS_DIR" in example
    services = compose_services(tmp_path, files={"my.env": example}, CLUSTER_ENV_FILE="my.env")
    for name in ("master", "worker"):
        assert services[name]["environment"]["LOAD_TEST_RESULTS_DIR"] == "/results"


def test_the_base_image_is_the_dockerfiles_unless_told_otherwise(tmp_path: Path) -> None:
    (default,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert compose_services(tmp_path)["standin"]["build"]["args"]["BASE_IMAGE"] == default
    told = compose_services(tmp_path, BASE_IMAGE="my-python:3.12")
    assert told["standin"]["build"]["args"]["BASE_IMAGE"] == "my-python:3.12"
