"""docs/reference/metrics.md: every metric that `/metrics` may show."""

from __future__ import annotations

from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.docs.reference.markdown import table
from tests.serve.declared_metrics import declared_page

TITLE: Final = "Metrics"
INTRODUCTION: Final = """\
`GET /metrics` takes a key with the role `read` ([monitor](../how-to/monitor.md)). Units are in names. A histogram has
`_bucket`, `_sum` and `_count`. `process_*` are summed by kind of process.

"""
_OF_HISTOGRAMS: Final = "le"
_OF_OTHER_MODES: Final = "_created"
"""A server of several processes shows no time of creation."""


def metrics_page() -> str:
    """The page, by name."""
    rows = []
    for family in text_string_to_metric_families(declared_page()):
        if family.name.endswith(_OF_OTHER_MODES):
            continue
        labels = sorted({name for sample in family.samples for name in sample.labels} - {_OF_HISTOGRAMS})
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows.append((f"`{name}`", family.type, ", ".join(f"`{label}`" for label in labels), family.documentation))
    return INTRODUCTION + table(("metric", "type", "labels", "meaning"), sorted(rows))
