"""What stands between pods: valid by Kubernetes' schemas, leading where it says, and as the server promises."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from fraud.server_addresses import parse_server_urls
from fraud.settings import Settings
from fraud.verdict import Verdict
from jenkins.schedule.once import TaskName, exit_status
from serve.idempotency.answers import MAX_BYTES
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    kserve_manifests,
    kserve_workload,
    manifests,
    of_kind,
    workloads,
)
from tests.deploy.network import connections, namespaces
from tests.serve.declared_metrics import declared_names

VERSION = "1.37"
OF_OPERATORS = {"ServiceMonitor", "PrometheusRule", "ServingRuntime", "InferenceService"}
"""Kinds that Kubernetes itself does not know."""
EVERYTHING = manifests("everything")
WORKLOADS = workloads(EVERYTHING)
WORD_OF_QUERY = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
GIBIBYTE = 1024**3


def default(setting: str) -> Any:
    return Settings.model_fields[setting].default


def scoring() -> dict[str, Any]:
    found: dict[str, Any] = of_kind(EVERYTHING, "StatefulSet")["scoring"]
    return found


def check_schema(found: dict[str, Any]) -> None:
    kubernetes_validate.validate(found, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for found in manifests(overlay):
        if found["kind"] not in OF_OPERATORS:
            check_schema(found)


def test_a_wrong_field_is_found() -> None:
    faulty = scoring()
    faulty["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check_schema(faulty)


def test_the_pods_of_kserve_are_valid() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kserve"}, "spec": kserve_workload().pod}
    check_schema(pod)
    for found in kserve_manifests():
        if found["kind"] not in OF_OPERATORS:
            check_schema(found)


def test_kserve_s_service_is_one_of_its_runtime() -> None:
    found = {manifest["kind"]: manifest for manifest in kserve_manifests()}
    runtime, model = found["ServingRuntime"], found["InferenceService"]["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"]["name"] in {form["name"] for form in runtime["spec"]["supportedModelFormats"]}
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert model["modelFormat"]["name"] == default("model_name")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_one_namespace_that_is_restricted(overlay: str) -> None:
    found = manifests(overlay)
    (namespace,) = of_kind(found, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {other["metadata"]["namespace"] for other in found if other is not namespace and other != namespace} == {
        namespace["metadata"]["name"]
    }


def test_every_selector_finds_pods() -> None:
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "StatefulSet"):
        for name, found in of_kind(EVERYTHING, kind).items():
            spec = found["spec"]
            selector = spec["selector"] if kind == "Service" else spec.get("podSelector", spec.get("selector"))
            labels = selector if kind == "Service" else selector.get("matchLabels", {})
            assert any(labels.items() <= workload.labels.items() for workload in WORKLOADS), f"{kind} {name}"


def test_every_address_in_the_settings_is_a_service() -> None:
    services = of_kind(EVERYTHING, "Service")
    (settings,) = of_kind(EVERYTHING, "ConfigMap").values()
    assert urlsplit(settings["data"]["DATABASE_URL"]).hostname in services
    host, _, port = settings["data"]["MLFLOW_TRACKING_URI"].removeprefix("http://").partition("/")[0].partition(":")
    assert int(port) in {found["port"] for found in services[host]["spec"]["ports"]}
    callers = [c for w in WORKLOADS if "scoring/calls-scoring" in w.labels for c in w.pod["containers"]]
    urls = {v["value"] for c in callers for v in c.get("env", []) if v["name"] == "SERVER_URLS"}
    (server,) = {parse_server_urls(url) for url in urls}
    address = urlsplit(server[0])
    pods = services[str(address.hostname)]["spec"]
    assert pods["clusterIP"] == "None", "its name stands for every pod"
    assert {address.port} == {port["port"] for port in pods["ports"]} == {default("serve_port")}
    assert services["scoring"]["spec"]["ports"][0]["port"] == default("serve_port")


def test_a_stop_lasts_longer_than_open_requests_may_take() -> None:
    pod = scoring()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain_s = int(next(v["value"] for v in container["env"] if v["name"] == "DRAIN_TIMEOUT_S"))
    supervisor_s = drain_s + 5  # what the supervisor gives to the workers, to the shipper, and to a second shipper
    assert (
        pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 3 * supervisor_s
    )
    assert drain_s == default("drain_timeout_s")
    assert kserve_workload().pod["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"]


def test_the_volume_of_a_server_holds_what_it_may_have_to_keep() -> None:
    spec = scoring()["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * GIBIBYTE
    assert size > 2 * (default("spool_max_bytes") + MAX_BYTES)
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_servers_are_told_apart_and_spread() -> None:
    spec = scoring()["spec"]
    assert of_kind(EVERYTHING, "Service")[spec["serviceName"]]["spec"]["clusterIP"] == "None"
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert {found["topologyKey"] for found in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert of_kind(EVERYTHING, "PodDisruptionBudget")["scoring"]["spec"]["maxUnavailable"] == 1


def test_a_job_is_repeated_only_where_that_may_help() -> None:
    for task in TaskName:
        job = of_kind(EVERYTHING, "CronJob")[task]["spec"]["jobTemplate"]["spec"]
        final = job["podFailurePolicy"]["rules"][0]
        assert final["action"] == "FailJob"
        named = [container["name"] for container in job["template"]["spec"]["containers"]]
        assert [final["onExitCodes"]["containerName"]] == named
        ends = {exit_status(task, verdict) for verdict in Verdict} - {0, Verdict.ERROR.exit_status}
        assert ends <= set(final["onExitCodes"]["values"])
        assert not {1, Verdict.ERROR.exit_status} & set(final["onExitCodes"]["values"])
        assert job["backoffLimit"] > 0


def test_schedules_are_those_of_the_settings() -> None:
    found = {name: job["spec"]["schedule"] for name, job in of_kind(EVERYTHING, "CronJob").items()}
    assert found == {
        TaskName.DRIFT: default("schedule_drift"),
        TaskName.RETRAIN: default("schedule_retrain"),
        TaskName.REWRITE: default("schedule_rewrite"),
    }
    assert {job["spec"]["timeZone"] for job in of_kind(EVERYTHING, "CronJob").values()} == {"Etc/UTC"}


def test_with_jenkins_nothing_is_done_twice() -> None:
    suspended = {name for name, job in of_kind(EVERYTHING, "CronJob").items() if job["spec"].get("suspend")}
    assert suspended == {TaskName.DRIFT, TaskName.RETRAIN}
    assert not any(job["spec"].get("suspend") for job in of_kind(manifests("all-in-one"), "CronJob").values())


def test_only_who_has_to_reaches_whom() -> None:
    policies = of_kind(EVERYTHING, "NetworkPolicy")
    assert policies["nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    use_both = ("scoring", "first-model", "drift-monitor", "retrain", "jenkins")
    assert connections(policies, WORKLOADS) == {
        *((name, "postgres", 5432) for name in (*use_both, "rewrite-erased", "mlflow-server")),
        *((name, "mlflow-server", 5000) for name in use_both),
        *((name, "scoring", 8000) for name in ("drift-monitor", "retrain", "jenkins")),
    }


def test_only_two_are_reached_from_outside() -> None:
    policies = of_kind(EVERYTHING, "NetworkPolicy")
    assert {workload.name: reached for workload in WORKLOADS if (reached := namespaces(policies, workload))} == {
        "scoring": {"scoring/clients", "scoring/monitoring"},
        "jenkins": {"scoring/operators"},
    }


def test_the_autoscaler_asks_for_a_metric_that_exists() -> None:
    scaled = of_kind(EVERYTHING, "HorizontalPodAutoscaler")["scoring"]["spec"]["metrics"]
    asked = {found["pods"]["metric"]["name"] for found in scaled}
    (adapter,) = yaml.safe_load((KUBERNETES / "components/autoscaling/adapter-rule.yaml").read_text())
    asked |= set(WORD_OF_QUERY.findall(adapter["seriesQuery"]))
    assert asked <= declared_names()


def test_the_autoscaler_alone_says_how_many_servers_there_are() -> None:
    target = of_kind(EVERYTHING, "HorizontalPodAutoscaler")["scoring"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("StatefulSet", "scoring")
    assert "replicas" not in scoring()["spec"]
    assert of_kind(manifests("external"), "StatefulSet")["scoring"]["spec"]["replicas"] >= 2


def test_metrics_are_asked_for_at_a_port_of_the_service() -> None:
    monitor = of_kind(EVERYTHING, "ServiceMonitor")["scoring"]["spec"]
    service = of_kind(EVERYTHING, "Service")["scoring"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {found["port"] for found in monitor["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
