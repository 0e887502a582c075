"""The standard `process_*` metrics of all processes of this server, by role, read from /proc on demand.

Processes of one role are summed, so that the number of time series does not depend on the number of workers.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

SUPERVISOR: Final = "supervisor"
_KINDS: Final = {"serve.workers.worker": "worker", "serve.prediction_log": "shipper", "desk": "desk"}
"""Module that a process was started with -> its role."""
_COUNTERS: Final = frozenset({"process_cpu_seconds"})
_MERGED_BY: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "process_start_time_seconds": max,  # shows a restart
    "process_max_fds": min,
}
"""The other metrics are summed."""


class ServerProcesses(Collector):
    """The supervisor and its children. Use it in a worker only: its parent is the supervisor."""

    def collect(self) -> Iterable[Metric]:
        """A family for each metric, labelled `process`."""
        values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        texts = {}
        for kind, pid in processes():
            for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                texts[family.name] = family.documentation
                values[family.name][kind].append(family.samples[0].value)
        for name, by_kind in values.items():
            make = CounterMetricFamily if name in _COUNTERS else GaugeMetricFamily
            found = make(name, texts[name], labels=["process"])
            for kind, of_kind in by_kind.items():
                found.add_metric([kind], _MERGED_BY.get(name, sum)(of_kind))
            yield found


def processes() -> Iterator[tuple[str, int]]:
    """Role and process id of each process of this server; empty if /proc can't be read."""
    supervisor = os.getppid()
    yield SUPERVISOR, supervisor
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    except OSError:
        return
    for pid in map(int, children):
        kind = _KINDS.get(_module_of(pid) or "")
        if kind is not None:
            yield kind, pid


def _module_of(pid: int) -> str | None:
    """The module that Python runs by `-m`."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    return words[words.index("-m") + 1] if "-m" in words[:-1] else None
