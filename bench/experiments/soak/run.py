"""The soak test from its site to all that was seen."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.applications import request_headers
from bench.experiments.site.site import Site
from bench.experiments.site.watching import watching
from bench.experiments.soak.judge import Seen
from bench.experiments.soak.load import LoadProcess, load_process
from bench.experiments.soak.load_plan import Stretch
from bench.experiments.soak.memory import MemoryWatch, processes_of
from bench.experiments.soak.plan import Cores, Durations
from bench.experiments.soak.records import compare_records, count_records
from bench.experiments.soak.samples import Samples
from bench.gate.latency.load_plan import REQUEST_KINDS

WARM_UP_S: Final = 2.0
RECORDS_TIMEOUT_S: Final = 600.0
SEED: Final = 1

Tell = Callable[..., None]
"""Told what goes on now and, where that is known, how many seconds it takes."""


def run(folder: Path, durations: Durations, objectives_ms: Mapping[Any, float], tell: Tell) -> Seen:
    """Set up a site, find its maximum, load it, and compare what it answered with what is on record.

    Raises:
        SiteError, StackError: the site can't be set up, or does not come back.
    """
    cores = Cores.of_this_process()
    os.sched_setaffinity(0, cores.site)
    with Site(folder, tell, workers=len(cores.site)) as site:
        os.sched_setaffinity(0, cores.load)
        tell("preparing requests")
        with load_process(folder, site.server.port, request_headers(site.api_key), cores.load, SEED) as load:
            return _load(site, load, durations, objectives_ms, tell)


def _load(site: Site, load: LoadProcess, durations: Durations, objectives_ms: Mapping[Any, float], tell: Tell) -> Seen:
    tell("finding the maximum", WARM_UP_S + durations.maximum_s)
    load.run(_new_name(), Stretch("warm-up", WARM_UP_S))
    name = _new_name()
    maximum, done = load.run(name, Stretch("maximum", durations.maximum_s))
    _wait_for_records(site, name, maximum)
    # Records that still waited for PostgreSQL at the end are postponed work: they count as time.
    stretches = durations.stretches(len(maximum.number) / (time.perf_counter() - done.began_s))
    tell("soaking, then overloading", sum(stretch.seconds for stretch in stretches))
    name = _new_name()
    watch = MemoryWatch(processes_of(site))
    with watching(watch.keep_a_look):
        samples, done = load.run(name, *stretches)
    tell("waiting for the records")
    _wait_for_records(site, name, samples)
    soak, before, overload, after, after_all = (samples.of_stretch(number) for number in range(len(stretches)))
    return Seen(
        maximum=maximum,
        soak=soak,
        beside=(before, after_all),
        overload=overload,
        after=after,
        memory=watch.series(done.began_s),
        efforts=done.efforts,
        records=compare_records(site, name, samples),
        objectives_s=np.array([objectives_ms.get(kind.name, np.inf) / 1e3 for kind in REQUEST_KINDS]),
    )


def _wait_for_records(site: Site, name: str, samples: Samples) -> None:
    answered = int((samples.status == 200).sum())
    site.wait_until(lambda: count_records(site, name) >= answered, RECORDS_TIMEOUT_S, "all answers are on record")


def _new_name() -> str:
    return f"soak{secrets.token_hex(4)}"
