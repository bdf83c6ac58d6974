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

from pipeline.autoscaling.deployment import WorkerDeployment
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.plan.arithmetic import make_plan
from pipeline.plan.demand import Demand, WorkerRate
from pipeline.plan.overlay import overlay_text
from pipeline.settings import PipelineSettings, load_pipeline_settings
from tests.unit.deploy.kustomize import Manifest, read, render

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy/kubernetes/pipeline"
BASE = render(FOLDER / "base")
KEDA = render(FOLDER / "keda")
AUTOSCALER = render(FOLDER / "autoscaler")
PROMETHEUS = render(FOLDER / "prometheus")
PUBSUB = render(FOLDER / "pubsub")
(SECRET,) = read(FOLDER / "secret.example.yaml")
NAME = "customerio-pipeline"
PLANNED = WorkerDeployment()
NAMES = {
    "Deployment": PLANNED.name,
    "ScaledObject": PLANNED.name,
    "PodDisruptionBudget": PLANNED.name,
    "HorizontalPodAutoscaler": PLANNED.autoscaler,
}
IMAGE = f"{NAME}:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"
VERSIONS = ["1.30", kubernetes_validate.latest_version()]


def one(kind: str, manifests: list[Manifest] = BASE) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    assert found["metadata"]["name"] == NAMES.get(kind, NAME)
    return found


DEPLOYMENT: dict[str, Any] = one("Deployment")["spec"]
POD: dict[str, Any] = DEPLOYMENT["template"]["spec"]
(WORKER,) = POD["containers"]
LABELS = DEPLOYMENT["template"]["metadata"]["labels"].items()
SCALED: dict[str, Any] = one("ScaledObject", KEDA)["spec"]
HPA: dict[str, Any] = one("HorizontalPodAutoscaler", AUTOSCALER)["spec"]


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
    autoscalers = [one("HorizontalPodAutoscaler", form) for form in (AUTOSCALER, PUBSUB)]
    for manifest in [*BASE, *autoscalers, SECRET]:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(
    "rendered", [KEDA, AUTOSCALER, PROMETHEUS, PUBSUB], ids=["keda", "autoscaler", "prometheus", "pubsub"]
)
def test_each_autoscaled_form_is_the_fixed_one_and_an_autoscaler(rendered: list[Manifest]) -> None:
    *fixed, autoscaler = rendered
    assert autoscaler["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")
    assert sorted(fixed, key=str) == sorted(BASE, key=str)


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
    assert WORKER["resources"] == {
        "requests": {"cpu": f"{PLANNED.cpu_request_cores * 1000:.0f}m", "memory": "256Mi"},
        # A worker computes in one thread. Less than its core would delay its heartbeats.
        "limits": {"cpu": f"{PLANNED.cpu_limit_cores * 1000:.0f}m", "memory": "512Mi"},
    }
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
    assert overlap == PLANNED.overlap
    assert HPA["maxReplicas"] + overlap == settings.limit.max_processes
    assert DEPLOYMENT["replicas"] + overlap <= settings.limit.max_processes
    # Without Redis each has at least one request and one permit of its own.
    assert settings.limit.max_processes <= min(settings.limit.requests, settings.limit.concurrency)
    share = settings.limit.requests // settings.limit.max_processes
    assert share == 3
    assert f"{share} requests/s for each without Redis" in (FOLDER / "base/kustomization.yaml").read_text()
    assert settings.batch.concurrency == 10


def test_there_are_never_more_workers_than_partitions() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka-topics"]
    (partitions,) = re.findall(r'"\$\$KAFKA_TOPIC" --partitions (\d+)', compose["entrypoint"][-1])
    assert HPA["maxReplicas"] <= int(partitions)


class TestAutoscaler:
    """Three to twenty workers, by CPU and by the backlog, as the planner and the rehearsal assume."""

    def test_its_numbers_are_the_planners(self) -> None:
        target = HPA["scaleTargetRef"]
        deployment = one("Deployment")
        assert target == {
            "apiVersion": deployment["apiVersion"],
            "kind": deployment["kind"],
            "name": deployment["metadata"]["name"],
        }
        assert (HPA["minReplicas"], HPA["maxReplicas"]) == (PLANNED.least_replicas, PLANNED.most_replicas)
        assert HPA["minReplicas"] == DEPLOYMENT["replicas"]
        cpu, backlog = HPA["metrics"]
        assert cpu["resource"]["target"] == {
            "type": "Utilization",
            "averageUtilization": round(PLANNED.cpu_target_share * 100),
        }
        assert backlog["external"]["target"] == {
            "type": "AverageValue",
            "averageValue": str(PLANNED.backlog_per_replica),
        }

    def test_its_behavior_is_the_rehearsals(self) -> None:
        assert HPA["behavior"] == {
            name: {
                "stabilizationWindowSeconds": rules.stabilization_seconds,
                "policies": [
                    {"type": policy.type, "value": policy.value, "periodSeconds": policy.period_seconds}
                    for policy in rules.policies
                ],
            }
            for name, rules in (("scaleUp", PLANNED.up), ("scaleDown", PLANNED.down))
        }

    def test_its_backlog_is_a_metric_of_the_workers(self, settings: PipelineSettings) -> None:
        metric = HPA["metrics"][1]["external"]["metric"]
        metrics = PipelineMetrics()
        metrics.set_lag(settings.kafka.topic, 0, 5)
        page = metrics.render("")[0].decode()
        (labels,) = metric["selector"]["matchLabels"].items()
        assert f'{metric["name"]}{{partition="0",{labels[0]}="{labels[1]}"}} 5.0' in page
        values = yaml.safe_load((FOLDER / "prometheus/adapter-values.yaml").read_text())
        (rule,) = values["rules"]["external"]
        assert rule["seriesQuery"].startswith(f"{metric['name']}{{")
        assert rule["name"] == {"as": metric["name"]}

    def test_the_subscriptions_form_differs_in_its_backlog_alone(self) -> None:
        other = one("HorizontalPodAutoscaler", PUBSUB)["spec"]
        metric = other["metrics"][1]["external"]["metric"]
        assert metric["name"] == "pubsub.googleapis.com|subscription|num_undelivered_messages"
        assert metric["selector"]["matchLabels"].keys() == {"resource.labels.subscription_id"}
        cpu, backlog = HPA["metrics"]
        external = {**backlog["external"], "metric": metric}
        assert other == {**HPA, "metrics": [cpu, {"type": "External", "external": external}]}


class TestPlannedOverlay:
    """What ``plan --write`` makes of the manifests."""

    def test_it_sets_replicas_bounds_and_limiter(self, tmp_path: Path) -> None:
        rate = WorkerRate(10_000, 900, "2026-01-01T00:00+00:00", "a machine")
        plan = make_plan(Demand(8e6, 463.0, limit_requests_per_second=1000, request_seconds=10.0), rate)
        part = plan.queue_tier
        assert part is not None
        (tmp_path / "kustomization.yaml").write_text(overlay_text(plan, part, tmp_path))
        rendered = render(tmp_path)
        for manifest in rendered:
            kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)
        hpa = one("HorizontalPodAutoscaler", rendered)["spec"]
        assert one("Deployment", rendered)["spec"]["replicas"] == hpa["minReplicas"] == part.workers == 7
        assert hpa["maxReplicas"] == part.most_replicas
        data = one("ConfigMap", rendered)["data"]
        assert one("ConfigMap")["data"].keys() <= data.keys()
        settings = load_pipeline_settings({**data, "CUSTOMERIO_SITE_ID": "s", "CUSTOMERIO_API_KEY": "k"})
        assert settings.limit.requests == 800
        assert settings.limit.max_processes == part.most_replicas + PLANNED.overlap
        # The gap between two starts must not be the limit: 800 of them take less than a second.
        assert settings.limit.requests * settings.limit.min_gap_seconds <= 1


class TestKeda:
    """There is no schema for ``ScaledObject`` on board: its documented fields are listed here."""

    def test_it_has_documented_fields_and_no_others(self) -> None:
        assert one("ScaledObject", KEDA)["apiVersion"] == "keda.sh/v1alpha1"
        assert SCALED.keys() <= {
            "scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod",
            "idleReplicaCount", "minReplicaCount", "maxReplicaCount", "advanced", "triggers",
        }  # fmt: skip
        cpu, trigger = SCALED["triggers"]
        assert trigger.keys() <= {"type", "metadata", "name", "metricType", "authenticationRef"}
        assert trigger["type"] == "kafka"
        assert cpu == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
        assert trigger["metadata"].keys() <= {
            "bootstrapServers", "consumerGroup", "topic", "lagThreshold", "activationLagThreshold",
            "offsetResetPolicy", "allowIdleConsumers", "scaleToZeroOnInvalidOffset", "version",
            "excludePersistentLag", "limitToPartitionsWithLag", "partitionLimitation", "tls", "sasl",
        }  # fmt: skip
        # KEDA takes nothing but strings there.
        assert all(isinstance(value, str) for value in trigger["metadata"].values())

    def test_what_it_asks_of_kubernetes_is_what_the_autoscaler_has(self) -> None:
        """KEDA makes a HorizontalPodAutoscaler of it."""
        config = SCALED["advanced"]["horizontalPodAutoscalerConfig"]
        assert config == {"name": PLANNED.autoscaler, "behavior": HPA["behavior"]}
        assert SCALED["scaleTargetRef"] == HPA["scaleTargetRef"]
        assert SCALED["minReplicaCount"] == HPA["minReplicas"]
        assert SCALED["maxReplicaCount"] == HPA["maxReplicas"]
        assert SCALED["triggers"][1]["metadata"]["lagThreshold"] == str(PLANNED.backlog_per_replica)

    def test_it_watches_what_the_workers_read(self, settings: PipelineSettings) -> None:
        watched = SCALED["triggers"][1]["metadata"]
        assert watched["bootstrapServers"] == settings.kafka.brokers
        assert watched["consumerGroup"] == settings.kafka.group
        assert watched["topic"] == settings.kafka.topic
        assert watched["offsetResetPolicy"] == "earliest"
        # Brokers of Kafka 4 understand nothing before 2.1.
        assert tuple(int(part) for part in watched["version"].split(".")) >= (2, 1, 0)

    def test_it_starts_from_the_number_that_there_is_without_it(self) -> None:
        assert SCALED["minReplicaCount"] == DEPLOYMENT["replicas"] == 3
