"""The manifests of `deploy/` as Kubernetes gets them: rendered by kustomize, which kubectl has."""

from __future__ import annotations

import copy
import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
KUBERNETES: Final = ROOT / "deploy/kubernetes"
KSERVE: Final = ROOT / "deploy/kserve"
KUBECTL: Final = Path(sys.executable).with_name("kubectl")

OVERLAYS: Final = ("external", "all-in-one", "everything")
"""The last one is made here: all parts that can be taken in."""
OPTIONAL: Final = ("jenkins", "monitoring", "autoscaling")

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """What makes pods: its name, its kind, and the pods."""

    name: str
    kind: str
    labels: dict[str, str]
    pod: Manifest
    claims: tuple[str, ...]
    """Volumes that each pod claims for itself."""

    def containers(self) -> Iterator[Manifest]:
        """Those that set up, and those that run."""
        yield from self.pod.get("initContainers", [])
        yield from self.pod["containers"]


def _rendered(overlay: str) -> str:
    if overlay != "everything":
        return _kustomize(KUBERNETES / "overlays" / overlay)
    with tempfile.TemporaryDirectory() as folder:
        # Bases are named by relative paths only.
        copied = Path(shutil.copytree(KUBERNETES, Path(folder) / "kubernetes"))
        made = copied / "overlays/everything"
        made.mkdir()
        parts = {"resources": ["../all-in-one"], "components": [f"../../components/{name}" for name in OPTIONAL]}
        (made / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "scoring", **parts}))
        return _kustomize(made)


def _kustomize(folder: Path) -> str:
    return subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout


def manifests(overlay: str) -> list[Manifest]:
    """All objects of an installation, each time again: a test may change them."""
    return copy.deepcopy(_parsed(overlay))


@functools.cache
def _parsed(overlay: str) -> list[Manifest]:
    return [found for found in yaml.load_all(_rendered(overlay), yaml.CSafeLoader) if found]


def kserve_manifests() -> list[Manifest]:
    """The examples for KServe."""
    return [found for path in sorted(KSERVE.glob("*.yaml")) for found in yaml.safe_load_all(path.read_text())]


def of_kind(objects: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    """Name -> object of one kind."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def workloads(objects: Sequence[Manifest]) -> list[Workload]:
    """Everything that makes pods."""
    return [workload for found in objects if (workload := _workload(found)) is not None]


def kserve_workload() -> Workload:
    """The pods that KServe makes of runtime and service together."""
    found = {manifest["kind"]: manifest for manifest in kserve_manifests()}
    runtime, predictor = found["ServingRuntime"]["spec"], found["InferenceService"]["spec"]["predictor"]
    of_pod = {name: value for name, value in predictor.items() if name not in {"model", "minReplicas", "maxReplicas"}}
    pod = {**of_pod, "containers": runtime["containers"], "volumes": runtime["volumes"]}
    return Workload("kserve-scoring", "Deployment", runtime["labels"], pod, ())


def _workload(found: Manifest) -> Workload | None:
    kind, spec = found["kind"], found.get("spec", {})
    if kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    elif kind not in {"StatefulSet", "Deployment", "DaemonSet", "Job"}:
        return None
    template = spec["template"]
    claims = tuple(claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", []))
    return Workload(found["metadata"]["name"], kind, template["metadata"]["labels"], template["spec"], claims)
