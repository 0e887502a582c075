"""Every metric that `/metrics` may show, as a page of a server that has seen everything once."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fraud.features import FEATURE_NAMES
from fraud.report.stored import ReportKind
from fraud.verdict import Verdict
from serve.metrics import Metrics
from serve.prediction_log.drift_gauges import DriftGauges, DriftState
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.report_gauges import ReportGauges, ReportState
from serve.process_metrics import ServerProcesses
from serve.shadow.metrics import ShadowMetrics
from serve.state_gauges import StateGauges


def declared_page() -> str:
    """In Prometheus's text format; made in this process, without a server."""
    metrics, log, state = Metrics(), LogMetrics(), StateGauges("0", certificate_ends_at_s=1.0)
    metrics.answered("/predict", 1, 0.0002)
    metrics.refused("/predict", 503)
    metrics.other_answered("health", 200, 0.001)
    metrics.flush()
    metrics.failed_logins.labels("key").inc()
    log.upkeep.tell("partitions", 0.0)
    drift, reports = DriftGauges(), ReportGauges()
    drift.show(DriftState(1.0, Verdict.PASS, 1, dict.fromkeys(FEATURE_NAMES, math.pi), refused=False))
    reports.show([ReportState(kind, 1.0, Verdict.PASS) for kind in ReportKind])
    processes = CollectorRegistry()
    processes.register(ServerProcesses())
    registries = (metrics, log, state, ShadowMetrics(), drift, reports)
    # Counters have no time of creation where processes share them.
    pages = [generate_latest(registry) for registry in (*(owner.registry for owner in registries), processes)]
    return "".join(page.decode() for page in pages)


def declared_names() -> frozenset[str]:
    """The names of all samples: a query can ask for no others."""
    families = list(text_string_to_metric_families(declared_page()))
    names = {sample.name for family in families for sample in family.samples}
    # A gauge with labels that nobody has set yet has no sample.
    names |= {family.name for family in families if family.type == "gauge"}
    return frozenset(name for name in names if not name.endswith("_created"))
