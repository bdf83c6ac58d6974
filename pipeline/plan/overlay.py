"""Writes the kustomize overlay that runs a plan: its replicas, its autoscaler's bounds and its limiter."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.plan.arithmetic import Plan, QueueTierPlan
from pipeline.plan.numbers import count_text, rate_text

FILE_NAME = "kustomization.yaml"
BASE = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "pipeline" / "prometheus"


def overlay_text(plan: Plan, part: QueueTierPlan, folder: Path) -> str:
    """Return the text of ``kustomization.yaml`` for a folder; the base is named by its relative path."""
    deployment, limiter = plan.deployment, part.limiter
    retention_ms = round(part.queue.retention_seconds * 1000)
    return f"""\
# Runs a plan for {count_text(plan.demand.events_per_day)} events a day, \
{rate_text(plan.demand.peak_events_per_second)} events/s at the peak: kubectl apply -k .
#
# The topic needs {part.partitions} partitions. With Kafka's own command:
#
#   kafka-topics.sh --create --topic customerio-events --partitions {part.partitions} \
--config retention.ms={retention_ms}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {os.path.relpath(BASE, folder.resolve())}
configMapGenerator:
  - name: {deployment.settings_name}
    behavior: merge
    literals:
      - LIMIT_REQUESTS={limiter.requests}
      - LIMIT_CONCURRENCY={limiter.concurrency}
      - LIMIT_MIN_GAP_MS={limiter.min_gap_ms}
      - LIMIT_MAX_PROCESSES={limiter.max_processes}
generatorOptions:
  disableNameSuffixHash: true
patches:
  - target: {{kind: Deployment, name: {deployment.name}}}
    patch: |-
      - {{op: replace, path: /spec/replicas, value: {part.workers}}}
  - target: {{kind: HorizontalPodAutoscaler, name: {deployment.autoscaler}}}
    patch: |-
      - {{op: replace, path: /spec/minReplicas, value: {part.workers}}}
      - {{op: replace, path: /spec/maxReplicas, value: {part.most_replicas}}}
"""
