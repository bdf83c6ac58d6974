"""The manifests of the load test: valid for every Kubernetes of today, and fitting each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from config.profile import load_profile
from tests.unit.deploy.kustomize import Manifest, containers, pods, read, render

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy/kubernetes/load-test"
KUSTOMIZATIONS = {"all": FOLDER, "base": FOLDER / "base", "standin": FOLDER / "standin"}
ALL = render(FOLDER)
READER = read(FOLDER / "results-reader.yaml")
OPERATOR = render(FOLDER / "operator")
IMAGE = f"customerio-load:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(name: str) -> Manifest:
    pod: Manifest = one(ALL, "Job", name)["spec"]["template"]
    return pod


def parse(args: list[str]) -> SimpleNamespace:
    """Return what Locust and we make of arguments; an unknown one ends the test."""
    command = [sys.executable, "-m", "tests.programs.locust_options", *args]
    parsed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return SimpleNamespace(**json.loads(parsed))


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_manifest_is_valid(name: str, version: str) -> None:
    manifests = render(KUSTOMIZATIONS[name])
    assert manifests
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_reader_of_results_is_valid() -> None:
    for manifest in READER:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_validation_finds_a_mistake() -> None:
    wrong = one(render(FOLDER), "Job", "load-test-master")
    wrong["spec"]["backofLimit"] = 0
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


@pytest.mark.parametrize("pod", pods(ALL + READER), ids=lambda pod: pod["containers"][0]["name"])
def test_every_pod_is_held_to_what_it_needs(pod: Manifest) -> None:
    """What the restricted Pod Security Standard asks for, and a file system that is read only."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert (
        f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in dockerfile
    )
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "cpu" not in container["resources"]["limits"]
        assert container["resources"]["limits"]["memory"]
        assert container["image"] == IMAGE


def test_credentials_come_from_a_secret_by_reference() -> None:
    base = render(FOLDER / "base")
    assert "Secret" not in {manifest["kind"] for manifest in base}
    for container in containers(base):
        assert {"secretRef": {"name": "customerio"}} in container["envFrom"]
        names = {variable["name"] for variable in container["env"]}
        assert names <= {"LOAD_TEST_RESULTS_DIR", "LOAD_TEST_PROFILE"}
    assert "CUSTOMERIO_" not in str(base)


def test_what_to_run_is_the_masters_alone_to_say() -> None:
    """A Secret made from a whole .env file may name a profile too."""
    (master,) = containers([one(ALL, "Job", "load-test-master")])
    assert [next(iter(source)) for source in master["envFrom"]] == ["secretRef", "configMapRef"]
    (worker,) = containers([one(ALL, "Job", "load-test-workers")])
    assert {"name": "LOAD_TEST_PROFILE", "value": ""} in worker["env"]


def test_the_master_waits_for_as_many_workers_as_there_are() -> None:
    (master,) = containers([one(ALL, "Job", "load-test-master")])
    workers = one(ALL, "Job", "load-test-workers")["spec"]
    options = parse(master["args"])
    assert options.master
    assert options.headless
    assert options.expect_workers == workers["parallelism"] == workers["completions"]
    # docs/cluster.md patches it at this place.
    assert master["args"][3] == str(options.expect_workers)
    # Never without an end: a cluster that is too small would hold the Job for ever.
    assert options.expect_workers_max_wait > 0


def test_the_web_ui_listens_where_its_service_reaches_it() -> None:
    (master,) = containers([one(ALL, "Job", "load-test-master")])
    assert parse(master["args"]).web_host == "0.0.0.0"  # noqa: S104 - the pod's, behind a NetworkPolicy


def test_workers_find_the_master_through_its_service() -> None:
    (worker,) = containers([one(ALL, "Job", "load-test-workers")])
    options = parse(worker["args"])
    assert options.worker
    service = one(ALL, "Service", options.master_host)["spec"]
    assert service["selector"].items() <= pod_of("load-test-master")["metadata"]["labels"].items()
    assert options.master_port in [port["port"] for port in service["ports"]]
    (master,) = containers([one(ALL, "Job", "load-test-master")])
    assert {port["targetPort"] for port in service["ports"]} == {port["name"] for port in master["ports"]}


def test_only_workers_reach_the_master_and_nobody_reaches_a_worker() -> None:
    rule = one(ALL, "NetworkPolicy", "load-test-master")["spec"]
    labels = {
        name: pod_of(f"load-test-{name}")["metadata"]["labels"].items() for name in ("master", "workers")
    }
    assert rule["podSelector"]["matchLabels"].items() <= labels["master"]
    ((ingress,),) = [rule["ingress"]]
    ((source,),) = [ingress["from"]]
    assert source["podSelector"]["matchLabels"].items() <= labels["workers"]
    assert ingress["ports"] == [{"port": "workers"}]
    closed = one(ALL, "NetworkPolicy", "load-test")["spec"]
    assert closed["podSelector"]["matchLabels"].items() <= labels["workers"]
    assert closed["ingress"] == []


def test_a_run_is_not_repeated_and_its_results_outlive_it() -> None:
    job = one(ALL, "Job", "load-test-master")["spec"]
    assert job["backoffLimit"] == 0
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for pod in (pod_of("load-test-master")["spec"], *pods(READER))
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == ["load-test-results"] * 2
    assert one(ALL, "PersistentVolumeClaim", "load-test-results")
    (master,) = pod_of("load-test-master")["spec"]["containers"]
    assert "/results" in [mount["mountPath"] for mount in master["volumeMounts"]]
    assert "LOAD_TEST_RESULTS_DIR=/results" in (ROOT / "deploy/Dockerfile").read_text()


def test_the_target_is_the_stand_in_beside_it() -> None:
    service = one(ALL, "Service", "standin")["spec"]
    deployment = one(ALL, "Deployment", "standin")["spec"]
    assert service["selector"] == deployment["selector"]["matchLabels"]
    kustomization = (FOLDER / "kustomization.yaml").read_text()
    literals = dict(re.findall(r"- (CUSTOMERIO_\w+)=(\S+)", kustomization))
    lines = (ROOT / "deploy/standin.env").read_text().splitlines()
    assert literals == dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert literals["CUSTOMERIO_BASE_URL"] == f"http://standin:{service['ports'][0]['port']}"


class TestOperator:
    """There is no schema for ``LocustTest`` on board: its documented fields are listed here."""

    TEST = one(OPERATOR, "LocustTest", "customerio-load")

    def test_it_has_the_documented_fields_and_no_others(self) -> None:
        assert self.TEST["apiVersion"] == "locust.io/v1"
        spec = self.TEST["spec"]
        assert spec.keys() <= {
            "image", "imagePullPolicy", "imagePullSecrets", "workers", "args", "env", "locustfile",
            "labels", "annotations", "master", "worker", "metrics",
        }  # fmt: skip
        assert isinstance(spec["workers"], int)
        assert isinstance(spec["args"], str)
        assert spec["image"] == IMAGE
        for variable in spec["env"]:
            assert variable.keys() == {"name", "value"}
            assert isinstance(variable["value"], str)
        for role in ("master", "worker"):
            assert spec[role].keys() <= {"labels", "annotations", "resources"}

    def test_its_arguments_are_ours(self) -> None:
        options = parse(self.TEST["spec"]["args"].split())
        assert options.expect_workers == self.TEST["spec"]["workers"]
        # The operator reads the run's state from the web UI through a Service, and results are fetched while
        # the master stays.
        assert options.web_host == "0.0.0.0"  # noqa: S104 - the pod's
        assert options.autostart
        assert not options.headless
        assert options.autoquit == -1

    def test_its_profile_is_in_the_config_map_that_the_operator_mounts(self, tmp_path: Path) -> None:
        name = self.TEST["spec"]["locustfile"]["configMap"]["name"]
        ((file, text),) = one(OPERATOR, "ConfigMap", name)["data"].items()
        assert parse(self.TEST["spec"]["args"].split()).profile == f"/home/locust/{file}"
        (tmp_path / file).write_text(text)
        assert load_profile(str(tmp_path / file)).scenarios

    def test_it_goes_to_the_stand_in(self) -> None:
        variables = {variable["name"]: variable["value"] for variable in self.TEST["spec"]["env"]}
        port = one(OPERATOR, "Service", "standin")["spec"]["ports"][0]["port"]
        assert variables["CUSTOMERIO_BASE_URL"] == f"http://standin:{port}"

    @pytest.mark.parametrize("manifest", [m for m in OPERATOR if m["kind"] != "LocustTest"])
    def test_the_rest_is_valid(self, manifest: Manifest) -> None:
        kubernetes_validate.validate(manifest, "1.30", strict=True)
