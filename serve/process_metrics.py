"""The standard `process_*` metrics of all processes of this server, by what they do: read from /proc when asked for.

Processes of one kind are added up, so that the number of time series does not follow the number of workers.
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
"""Module that a process was started with -> what it does."""
_COUNTERS: Final = frozenset({"process_cpu_seconds"})
_MERGED_BY: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "process_start_time_seconds": max,  # shows that one was restarted
    "process_max_fds": min,
}
"""The others are added up."""


class ServerProcesses(Collector):
    """The supervisor and what it started. Only a worker may ask: its parent is the supervisor."""

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
    """What each process of this server does, and its number; nothing where /proc can't be read."""
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
    """What Python was told to run by `-m`."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    return words[words.index("-m") + 1] if "-m" in words[:-1] else None
