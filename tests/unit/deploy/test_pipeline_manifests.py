"""The pipeline's manifests: valid for every Kubernetes of today, and fitting each other and the settings."""

from __future__ import annotations

import base64
import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from pipeline.settings import PipelineSettings, load_pipeline_settings
from tests.unit.deploy.kustomize import Manifest, read, render

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy/kubernetes/pipeline"
BASE = render(FOLDER / "base")
KEDA = render(FOLDER / "keda")
(SECRET,) = read(FOLDER / "secret.example.yaml")
NAME = "customerio-pipeline"
IMAGE = f"{NAME}:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"
VERSIONS = ["1.30", kubernetes_validate.latest_version()]


def one(kind: str, manifests: list[Manifest] = BASE) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    assert found["metadata"]["name"] == NAME
    return found


DEPLOYMENT: dict[str, Any] = one("Deployment")["spec"]
POD: dict[str, Any] = DEPLOYMENT["template"]["spec"]
(WORKER,) = POD["containers"]
LABELS = DEPLOYMENT["template"]["metadata"]["labels"].items()
SCALED: dict[str, Any] = one("ScaledObject", KEDA)["spec"]


@pytest.fixture(scope="module")
def settings() -> PipelineSettings:
    """A worker's settings, with a Secret as somebody would fill it in."""
    secret = dict.fromkeys(SECRET["stringData"], "")
    secret |= {"CUSTOMERIO_SITE_ID": "s", "CUSTOMERIO_API_KEY": "k", "REDIS_URL": "redis://redis"}
    variables = {**secret, **one("ConfigMap")["data"]}
    return load_pipeline_settings({name: value for name, value in variables.items() if value})


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    assert BASE
    for manifest in [*BASE, SECRET]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_autoscaled_form_is_the_fixed_one_and_the_autoscaler() -> None:
    assert [manifest for manifest in KEDA if manifest["kind"] != "ScaledObject"] == BASE


def test_the_pod_is_held_to_what_it_needs() -> None:
    """What the restricted Pod Security Standard asks for, and a file system that is read only."""
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False
    assert POD["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "USER 10001:10001\n" in (ROOT / "deploy/Dockerfile").read_text()
    assert WORKER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "cpu" not in WORKER["resources"]["limits"]
    assert WORKER["resources"]["limits"]["memory"]
    assert WORKER["image"] == IMAGE
    # The image's own entry point is the worker.
    assert not WORKER.keys() & {"command", "args"}


def test_secrets_come_from_a_secret_by_reference_and_its_template_has_none() -> None:
    assert WORKER["envFrom"][0] == {"secretRef": {"name": SECRET["metadata"]["name"]}}
    assert set(SECRET["stringData"].values()) == {""}
    assert "Secret" not in {manifest["kind"] for manifest in KEDA}
    assert not one("ConfigMap")["data"].keys() & SECRET["stringData"].keys()
    # Base64 of something long would be a secret that was put into a wrong place.
    text = "".join(path.read_text() for path in FOLDER.rglob("*.yaml"))
    for word in re.findall(r"[A-Za-z0-9+/]{24,}={1,2}", text):
        base64.b64decode(word, validate=True)
        pytest.fail(f"looks like a secret: {word}")


def test_no_pod_starts_without_redis() -> None:
    """Each worker would have the whole limit to itself."""
    assert WORKER["env"] == [
        {"name": "REDIS_URL", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "REDIS_URL"}}}
    ]


def test_the_settings_are_the_pipelines(settings: PipelineSettings) -> None:
    names = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert one("ConfigMap")["data"].keys() | SECRET["stringData"].keys() <= names
    assert settings.operations.log_format == "json"


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")],
)
def test_probes_ask_the_health_server_where_it_listens(
    probe: str, path: str, settings: PipelineSettings
) -> None:
    assert WORKER[probe]["httpGet"] == {"path": path, "port": "health"}
    assert WORKER["ports"] == [{"name": "health", "containerPort": settings.operations.health_port}]
    assert settings.operations.health_host == "0.0.0.0"  # noqa: S104 - the kubelet asks from outside
    annotations = DEPLOYMENT["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(settings.operations.health_port)


def test_a_worker_is_given_longer_to_end_than_it_needs() -> None:
    assert POD["terminationGracePeriodSeconds"] == 30


def test_labels_select_the_workers() -> None:
    policy, budget = one("NetworkPolicy")["spec"], one("PodDisruptionBudget")["spec"]
    (spread,) = POD["topologySpreadConstraints"]
    for selector in (
        DEPLOYMENT["selector"], policy["podSelector"], budget["selector"], spread["labelSelector"],
    ):  # fmt: skip
        assert selector["matchLabels"].items() <= LABELS


def test_only_the_monitoring_reaches_a_worker() -> None:
    policy = one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    ((rule,),) = [policy["ingress"]]
    assert rule["ports"] == [{"port": "health"}]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


def test_there_are_never_more_workers_than_share_the_limit(settings: PipelineSettings) -> None:
    """One that is ending still counts when its successor begins."""
    update = DEPLOYMENT["strategy"]["rollingUpdate"]
    assert update["maxSurge"] == 0
    overlap = update["maxUnavailable"] + one("PodDisruptionBudget")["spec"]["maxUnavailable"]
    assert SCALED["maxReplicaCount"] + overlap <= settings.limit.max_processes
    assert DEPLOYMENT["replicas"] + overlap <= settings.limit.max_processes
    # Without Redis each has at least one request and one permit of its own.
    assert settings.limit.max_processes <= min(settings.limit.requests, settings.limit.concurrency)


def test_there_are_never_more_workers_than_partitions() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka-topics"]
    (partitions,) = re.findall(r'"\$\$KAFKA_TOPIC" --partitions (\d+)', compose["entrypoint"][-1])
    assert SCALED["maxReplicaCount"] <= int(partitions)


class TestAutoscaler:
    """There is no schema for ``ScaledObject`` on board: its documented fields are listed here."""

    def test_it_has_documented_fields_and_no_others(self) -> None:
        assert one("ScaledObject", KEDA)["apiVersion"] == "keda.sh/v1alpha1"
        assert SCALED.keys() <= {
            "scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod",
            "idleReplicaCount", "minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers",
        }  # fmt: skip
        (trigger,) = SCALED["triggers"]
        assert trigger.keys() <= {"type", "metadata", "name", "metricType", "authenticationRef"}
        assert trigger["type"] == "kafka"
        assert trigger["metadata"].keys() <= {
            "bootstrapServers", "consumerGroup", "topic", "lagThreshold", "activationLagThreshold",
            "offsetResetPolicy", "allowIdleConsumers", "scaleToZeroOnInvalidOffset", "version",
            "excludePersistentLag", "limitToPartitionsWithLag", "partitionLimitation", "tls", "sasl",
        }  # fmt: skip
        # KEDA takes nothing but strings there.
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert SCALED["fallback"].keys() <= {"failureThreshold", "replicas", "behavior"}

    def test_what_it_asks_of_kubernetes_is_valid(self) -> None:
        """KEDA makes an HPA of it, for which there is a schema."""
        target = SCALED["scaleTargetRef"]
        hpa = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": NAME},
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": SCALED["minReplicaCount"],
                "maxReplicas": SCALED["maxReplicaCount"],
                "behavior": SCALED["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
            },
        }
        for version in VERSIONS:
            kubernetes_validate.validate(hpa, version, strict=True)
        deployment = one("Deployment")
        assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])

    def test_it_watches_what_the_workers_read(self, settings: PipelineSettings) -> None:
        (trigger,) = SCALED["triggers"]
        watched = trigger["metadata"]
        assert watched["bootstrapServers"] == settings.kafka.brokers
        assert watched["consumerGroup"] == settings.kafka.group
        assert watched["topic"] == settings.kafka.topic
        assert watched["offsetResetPolicy"] == "earliest"
        # Brokers of Kafka 4 understand nothing before 2.1.
        assert tuple(int(part) for part in watched["version"].split(".")) >= (2, 1, 0)

    def test_it_starts_from_the_number_that_there_is_without_it(self) -> None:
        assert SCALED["minReplicaCount"] == SCALED["fallback"]["replicas"] == DEPLOYMENT["replicas"] == 3
