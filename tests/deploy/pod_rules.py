"""What a pod of ours may not do, as findings in words: Pod Security "restricted", and what we ask beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.compose.compose_rules import PINNED, SECRET_NAME
from tests.deploy.manifests import Manifest, Workload

VOLUMES: Final = frozenset({"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"})
"""Kinds of volumes that are mounted; secrets are variables of single containers."""
SECRETS: Final = "scoring-secrets"


def findings(workload: Workload) -> list[str]:
    """Everything that is wrong with the pods of a workload."""
    found = [f"{workload.name}: {finding}" for rule in (_pod, _volumes) for finding in rule(workload)]
    for container in workload.containers():
        rules = (_rights, _resources, _image, _secrets)
        found += [f"{container['name']}: {finding}" for rule in rules for finding in rule(container)]
        found += [f"{container['name']}: {finding}" for finding in _mounts(workload, container)]
    if workload.kind in {"StatefulSet", "Deployment"}:
        found += [
            f"{container['name']}: {finding}"
            for container in workload.pod["containers"]
            for finding in _probes(container)
        ]
    return found


def _pod(workload: Workload) -> Iterator[str]:
    pod = workload.pod
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser") or not context.get("runAsGroup"):
        yield "has no user of its own, by number"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "may make any system call"
    if any(pod.get(right) for right in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares the node's namespaces"
    if pod.get("automountServiceAccountToken") is not False:
        yield "gets a login to Kubernetes"
    if pod.get("enableServiceLinks") is not False:
        yield "gets variables that Kubernetes makes of services"
    if not pod.get("terminationGracePeriodSeconds") and workload.kind != "Job":
        yield "has no time to stop"


def _volumes(workload: Workload) -> Iterator[str]:
    for volume in workload.pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"mounts a {kind}"
        if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
            yield f"volume {volume['name']} has no limit"
    if _keeps(workload) and workload.pod.get("securityContext", {}).get("fsGroupChangePolicy") != "OnRootMismatch":
        yield "has its volume opened to its group at each start"


def _keeps(workload: Workload) -> bool:
    return bool(workload.claims) or any("persistentVolumeClaim" in volume for volume in workload.pod.get("volumes", []))


def _rights(container: Manifest) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "writes to its root file system"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the node"


def _resources(container: Manifest) -> Iterator[str]:
    for kind in ("requests", "limits"):
        if set(container.get("resources", {}).get(kind, {})) != {"cpu", "memory"}:
            yield f"has no {kind} of processor and memory"


def _image(container: Manifest) -> Iterator[str]:
    if not PINNED.search(container["image"]):
        yield f"image {container['image']} is not pinned"


def _secrets(container: Manifest) -> Iterator[str]:
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if SECRET_NAME.search(variable["name"]) and reference is None:
            yield f"{variable['name']} has a value"
        if reference is not None and (reference["name"], reference["key"]) != (SECRETS, variable["name"]):
            yield f"{variable['name']} is another secret's"
    if any("secretRef" in source for source in container.get("envFrom", [])):
        yield "gets every secret"


def _mounts(workload: Workload, container: Manifest) -> Iterator[str]:
    volumes = {volume["name"] for volume in workload.pod.get("volumes", [])} | set(workload.claims)
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"mounts {mount['name']}, which is not there"


def _probes(container: Manifest) -> Iterator[str]:
    for probe in ("readinessProbe", "livenessProbe"):
        if probe not in container:
            yield f"has no {probe}"
    ports = {port["name"] for port in container.get("ports", [])} | {
        port["containerPort"] for port in container.get("ports", [])
    }
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container.get(probe, {}).get("httpGet") or container.get(probe, {}).get("tcpSocket")
        if asked and asked["port"] not in ports:
            yield f"{probe} asks a port that is not there"
