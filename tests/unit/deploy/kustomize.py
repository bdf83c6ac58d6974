"""The part of kustomize that our manifests use: resources, generators without a hash, and JSON patches."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
_KNOWN = {
    "apiVersion", "kind", "resources", "configMapGenerator", "secretGenerator", "generatorOptions", "patches",
}  # fmt: skip


def render(folder: Path) -> list[Manifest]:
    """The manifests that ``kubectl kustomize`` would print for a folder, in no particular order."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert kustomization.keys() <= _KNOWN, "something that this renderer does not know"
    manifests: list[Manifest] = []
    for name in kustomization.get("resources", []):
        path = folder / name
        manifests += render(path) if path.is_dir() else read(path)
    for kind in ("ConfigMap", "Secret"):
        for generator in kustomization.get(kind[0].lower() + kind[1:] + "Generator", []):
            assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}
            generated = _generate(folder, kind, generator)
            if generator.get("behavior") == "merge":
                _find(manifests, {"kind": kind, "name": generator["name"]})["data"] |= generated["data"]
            else:
                manifests.append(generated)
    for patch in kustomization.get("patches", []):
        for operation in yaml.safe_load(patch["patch"]):
            _replace(_find(manifests, patch["target"]), operation)
    return manifests


def read(path: Path) -> list[Manifest]:
    """The manifests of one file."""
    return list(yaml.safe_load_all(path.read_text()))


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """Every pod's spec, bare or in a template."""
    specs = [manifest["spec"] for manifest in manifests if "spec" in manifest]
    return [
        pod["spec"] if "containers" not in pod else pod
        for pod in (spec.get("template", spec) for spec in specs)
        if "containers" in pod or "containers" in pod.get("spec", {})
    ]


def containers(manifests: list[Manifest]) -> list[Manifest]:
    """Every container of every pod."""
    return [container for pod in pods(manifests) for container in pod["containers"]]


def _find(manifests: list[Manifest], target: Manifest) -> Manifest:
    (found,) = [
        manifest
        for manifest in manifests
        if (manifest["kind"], manifest["metadata"]["name"]) == (target["kind"], target["name"])
    ]
    return found


def _replace(manifest: Manifest, operation: Manifest) -> None:
    assert operation["op"] == "replace", "an operation that this renderer does not know"
    *way, last = operation["path"].strip("/").split("/")
    place: Any = manifest
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    assert last in place, "only what is there can be replaced"
    place[last] = operation["value"]


def _generate(folder: Path, kind: str, generator: Manifest) -> Manifest:
    data = dict(literal.split("=", 1) for literal in generator.get("literals", []))
    data |= {name: (folder / name).read_text() for name in generator.get("files", [])}
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": generator["name"]}, "data": data}
    if kind == "Secret":
        manifest["data"] = {
            key: base64.b64encode(value.encode()).decode() for key, value in sorted(data.items())
        }
        manifest["type"] = "Opaque"
    return manifest
