"""What a compose file of ours may not do, as findings in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.compose.dockerfile import Dockerfile

PUBLISHED_PORTS = {"fastapi": "8000", "jenkins": "8080", "grafana": "3000"}
"""Nobody else is reached from outside."""
ENDS_BY_ITSELF = {"mlflow-train": "ends; who waits for it waits for its exit status"}
"""Exempt from a health check and from being restarted."""
FROM_OUTSIDE = "published"
PUBLISHED = re.compile(r"\$\{\w+:-127\.0\.0\.1\}:\$\{\w+:-\d+\}:\d+")
"""On this machine alone, and at its usual port, unless somebody says otherwise."""
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"

# A digest, or a tag that names an exact release: 1.2.3 or v1.2.3, PostgreSQL's 18.4, Jenkins's 3355.v388858a-3.
PINNED = re.compile(
    r"^[^:@]+:[\w.-]+@sha256:[0-9a-f]{64}$|:v?\d+\.\d+\.\d+[\w.-]*$|^postgres:\d+\.\d+-|:\d+\.v\w+-\d+-"
)
SECRET_NAME = re.compile(r"^(?!.*_FILE$).*(PASSWORD|SECRET|TOKEN|API_KEY|_KEY$|_KEYS$)")
NO_DEFAULT = re.compile(r"^\$\{[A-Z_]+:(\?[^}]+|-)\}$")
"""Has to be set, or is empty unless it is."""


def findings(project: Mapping[str, Any], dockerfiles: Mapping[str, Dockerfile]) -> list[str]:
    """Everything that is wrong with a project as it is written; its images are built by these files (path -> file)."""
    found = [
        finding for name, service in project["services"].items() for finding in _service(name, service, dockerfiles)
    ]
    if not project["networks"]["inside"].get("internal"):
        found.append("network inside: reaches the outside")
    options = (project["networks"][FROM_OUTSIDE] or {}).get("driver_opts", {})
    if options.get(MASQUERADE) != "${REACHES_OUT:-false}":
        found.append(f"network {FROM_OUTSIDE}: reaches the outside, whether anybody asked for it or not")
    addresses = [
        str(port).split(":")[0] for service in project["services"].values() for port in service.get("ports", [])
    ]
    if len(set(addresses)) < len(addresses):
        found.append("services: one variable opens several of them")
    found += [
        f"secret {name}: has a value" for name, secret in project.get("secrets", {}).items() if "content" in secret
    ]
    return found


def _service(name: str, service: Mapping[str, Any], dockerfiles: Mapping[str, Dockerfile]) -> Iterator[str]:
    for rule in (_ports, _rights, _limits, _lifecycle, _mounts, _secrets):
        yield from (f"{name}: {finding}" for finding in rule(name, service))
    yield from (f"{name}: {finding}" for finding in _image(service, dockerfiles))


def _ports(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    for port in service.get("ports", []):
        if not PUBLISHED.fullmatch(str(port)) or str(port).rpartition(":")[2] != PUBLISHED_PORTS.get(name):
            yield f"publishes {port}"
    if service.get("network_mode"):
        yield "leaves the project's networks"
    if (FROM_OUTSIDE in service["networks"]) != (name in PUBLISHED_PORTS):
        yield "is in a network that it has no port for"


def _rights(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    if service.get("privileged") or service.get("cap_add") or service.get("devices") or service.get("pid"):
        yield "has rights of the host"
    if service.get("cap_drop") != ["ALL"]:
        yield "keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges"
    if service.get("read_only") is not True:
        yield "writes to its root file system"
    if str(service.get("user", "1")).split(":")[0] in {"0", "root"}:
        yield "runs as root"


def _limits(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    for limit in ("cpus", "mem_limit", "pids_limit"):
        if not service.get(limit):
            yield f"has no {limit}"
    if service.get("memswap_limit") != service.get("mem_limit"):
        yield "may swap, which no limit bounds"
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        yield "has a log without end"


def _lifecycle(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    if not service.get("stop_grace_period"):
        yield "has no stop_grace_period"
    if name not in ENDS_BY_ITSELF:
        test = service.get("healthcheck", {}).get("test", [])
        if not test:
            yield "has no health check"
        elif test[1] == "python":
            yield "starts a Python for each health check"
        if service.get("restart") != "unless-stopped":
            yield "stays down after a crash"
    for other, dependency in service.get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ENDS_BY_ITSELF else "service_healthy"
        if dependency["condition"] != expected:
            yield f"does not wait until {other} is ready"


def _mounts(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    for mount in service.get("volumes", []):
        source = mount["source"] if isinstance(mount, Mapping) else mount.split(":")[0]
        if "docker.sock" in str(mount):
            yield "mounts the engine's socket"
        elif "/" in source or source.startswith("."):
            yield f"mounts {source} of the host"


def _secrets(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    for variable, value in service["environment"].items():
        if SECRET_NAME.search(variable) and not NO_DEFAULT.match(str(value)):
            yield f"{variable} has a value or a default"
    if service.get("env_file"):
        yield "gets every variable of a file"
    if service.get("build", {}).get("args"):
        yield "builds with arguments, which stay in the image's history"


def _image(service: Mapping[str, Any], dockerfiles: Mapping[str, Dockerfile]) -> Iterator[str]:
    image = service["image"]
    if not PINNED.search(image):
        yield f"image {image} is not pinned"
    if "build" not in service:
        if service.get("profiles") is None:
            yield "is somebody else's image that starts unasked"
        return
    dockerfile = dockerfiles[service["build"]["dockerfile"]]
    if dockerfile.user_of(service["build"].get("target")) in {None, "root", "0", "0:0"}:
        yield "its image runs as root"
