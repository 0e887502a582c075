"""Who may reach whom, as NetworkPolicies say it: a connection needs a rule at both of its ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.deploy.manifests import Manifest, Workload

NAMES: Final = "names"
"""The policy that lets everybody ask for names."""

Port = tuple[str, int]
"""Protocol and number."""


def connections(policies: Mapping[str, Manifest], workloads: Sequence[Workload]) -> set[tuple[str, str, int]]:
    """(from, to, port) of every connection that is allowed between pods of ours."""
    return {
        (source.name, target.name, port)
        for source in workloads
        for target in workloads
        for port in _ports(target)
        if _sends(policies, source, target, port) and _takes(policies, source, target, port)
    }


def namespaces(policies: Mapping[str, Manifest], target: Workload) -> set[str]:
    """Labels of the namespaces from which a pod is reached."""
    return {
        label
        for policy in _of(policies, target, "Ingress")
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        for label in peer.get("namespaceSelector", {}).get("matchLabels", {})
    }


def _ports(workload: Workload) -> dict[int, str]:
    return {
        port["containerPort"]: port["name"]
        for container in workload.pod["containers"]
        for port in container.get("ports", [])
    }


def _sends(policies: Mapping[str, Manifest], source: Workload, target: Workload, port: int) -> bool:
    rules = [rule for policy in _of(policies, source, "Egress") for rule in policy["spec"].get("egress", [])]
    return any(_matches(rule["to"], rule["ports"], target, target, port) for rule in rules)


def _takes(policies: Mapping[str, Manifest], source: Workload, target: Workload, port: int) -> bool:
    rules = [rule for policy in _of(policies, target, "Ingress") for rule in policy["spec"].get("ingress", [])]
    return any(_matches(rule["from"], rule["ports"], source, target, port) for rule in rules)


def _matches(peers: Sequence[Manifest], ports: Sequence[Manifest], peer: Workload, target: Workload, port: int) -> bool:
    ours = [found["podSelector"] for found in peers if set(found) == {"podSelector"}]
    named = {port, _ports(target)[port]}
    return any(_selects(found, peer) for found in ours) and any(found["port"] in named for found in ports)


def _of(policies: Mapping[str, Manifest], workload: Workload, direction: str) -> Iterator[Manifest]:
    for policy in policies.values():
        if direction in policy["spec"]["policyTypes"] and _selects(policy["spec"]["podSelector"], workload):
            yield policy


def _selects(selector: Manifest, workload: Workload) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= workload.labels.items()
