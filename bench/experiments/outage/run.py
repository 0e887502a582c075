"""One outage of PostgreSQL at full load, from the kill to the last record."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.applications import request_headers
from bench.experiments.outage.watch import Look, SpoolWatch
from bench.experiments.site.site import Site
from bench.experiments.site.watching import watching
from bench.experiments.soak.judge import MIB
from bench.experiments.soak.load import load_process
from bench.experiments.soak.load_plan import Stretch
from bench.experiments.soak.plan import Cores
from bench.experiments.soak.records import Records, compare_records, count_records
from bench.experiments.soak.run import Tell
from bench.experiments.soak.samples import Samples
from fraud.verdict import Verdict

LEAD_S: Final = 2.0
"""Of load before the outage."""
AFTER_S: Final = 5.0
"""Of load after it."""
CATCH_UP_TIMEOUT_S: Final = 3600.0
SEED: Final = 1
MAX_BEND: Final = 1.25
"""Of the spool's growth in the second half over that in the first, either way, as long as nothing is refused."""
FULL_SHARE: Final = 0.95
"""Share of the spool's largest size, above which it no longer grows in proportion to answers."""
MAX_GROWTH_MIB: Final = 64.0
"""Of a process over the second half of the outage."""


class Outage(msgspec.Struct, frozen=True):
    """What one outage did."""

    seconds: float
    answered: int
    refused: int
    strange: int
    """Neither 200 nor 503, or a broken connection."""
    first_refusal_s: float | None
    """After the outage began; None when nothing was refused."""
    largest_spool_bytes: int
    most_segments: int
    growth_bytes_per_answer: tuple[float, float]
    """Of the spool, in the first and in the second half of the time until it had nearly its largest size."""
    worker_growth_mib: float
    shipper_growth_mib: float
    """Over the second half of the outage."""
    catch_up_s: float
    """From PostgreSQL's start until all is on record; requests come for the first seconds of it."""
    catch_up_rows_per_s: float
    records: Records


@dataclass(frozen=True, slots=True)
class Times:
    """Of `time.perf_counter`."""

    away: float
    back: float
    caught_up: float


def run(folder: Path, minutes: float, spool_max_bytes: int, tell: Tell) -> tuple[Outage, list[Look]]:
    """Set up a site, take PostgreSQL away from it while clients send as fast as they are answered, and bring it back.

    Raises:
        SiteError, StackError: the site can't be set up, or does not come back.
    """
    cores = Cores.of_this_process()
    os.sched_setaffinity(0, cores.site)
    settings = {"SPOOL_MAX_BYTES": str(spool_max_bytes)}
    with Site(folder, tell, len(cores.site), settings) as site:
        os.sched_setaffinity(0, cores.load)
        tell("preparing requests")
        with (
            load_process(folder, site.server.port, request_headers(site.api_key), cores.load, SEED) as load,
            ThreadPoolExecutor(1) as pool,
        ):
            seconds, name = 60 * minutes, f"outage{secrets.token_hex(4)}"
            watch = SpoolWatch(site)
            loading = pool.submit(load.run, name, Stretch("outage", LEAD_S + seconds + AFTER_S))
            time.sleep(LEAD_S)
            tell("PostgreSQL is away", seconds)
            away = time.perf_counter()
            with watching(watch.keep_a_look):
                site.kill_postgres()
                time.sleep(seconds)
            back = time.perf_counter()
            tell("PostgreSQL is back, and what waited is shipped")
            site.start_postgres()
            samples, done = loading.result()
            answered = int((samples.status == 200).sum())
            site.wait_until(lambda: count_records(site, name) >= answered, CATCH_UP_TIMEOUT_S, "all is on record")
            times = Times(away - done.began_s, back - done.began_s, time.perf_counter() - done.began_s)
            looks = [msgspec.structs.replace(look, at_s=look.at_s - done.began_s) for look in watch.looks]
            return _outage(samples, looks, times, compare_records(site, name, samples)), looks


def judge(found: Outage) -> tuple[Verdict, list[str]]:
    """Whether the promises were kept: nothing lost, nothing grows but the spool, and that in proportion to answers."""
    first, second = found.growth_bytes_per_answer
    faults = []
    if not found.records.are_whole:
        faults.append(f"{found.records.lost} answers lost, {found.records.twice} recorded twice")
    if found.strange:
        faults.append(f"{found.strange} requests got neither 200 nor 503")
    if first and second and not first / MAX_BEND <= second <= first * MAX_BEND:
        faults.append(f"the spool grew by {first:,.0f}, then by {second:,.0f} bytes an answer")
    for name, growth in (("a worker", found.worker_growth_mib), ("the shipper", found.shipper_growth_mib)):
        if growth > MAX_GROWTH_MIB:
            faults.append(f"the memory of {name} grew by {growth:.0f} MiB")
    return (Verdict.FAIL, faults) if faults else (Verdict.PASS, ["nothing was lost, and nothing grew but the spool"])


def _outage(samples: Samples, looks: Sequence[Look], times: Times, records: Records) -> Outage:
    refused = samples.status == 503
    meanwhile = refused & (samples.due_s > times.away)
    first_refusal_s = float(samples.due_s[meanwhile].min() - times.away) if meanwhile.any() else None
    largest = max(look.spool_bytes for look in looks)
    growing = [*takewhile(lambda look: look.spool_bytes < FULL_SHARE * largest, looks)]
    half = len(looks) // 2
    answers = np.sort((samples.due_s + samples.latency_s)[samples.status == 200])
    return Outage(
        seconds=times.back - times.away,
        answered=int((samples.status == 200).sum()),
        refused=int(refused.sum()),
        strange=int((~np.isin(samples.status, (200, 503))).sum()),
        first_refusal_s=first_refusal_s,
        largest_spool_bytes=largest,
        most_segments=max(look.segments for look in looks),
        growth_bytes_per_answer=(
            _growth_per_answer(growing[: len(growing) // 2], answers),
            _growth_per_answer(growing[len(growing) // 2 :], answers),
        ),
        worker_growth_mib=(looks[-1].worker_bytes - looks[half].worker_bytes) / MIB,
        shipper_growth_mib=(looks[-1].shipper_bytes - looks[half].shipper_bytes) / MIB,
        catch_up_s=times.caught_up - times.back,
        catch_up_rows_per_s=records.recorded_rows / (times.caught_up - times.back),
        records=records,
    )


def _growth_per_answer(looks: Sequence[Look], answered_at_s: NDArray[np.float64]) -> float:
    """Per answer and not per second, since the pace of a machine is not constant; 0 where it was over too soon to tell.

    Args:
        looks: In the order of time.
        answered_at_s: Ascending, of the same clock.
    """
    if len(looks) < 2:
        return 0.0
    first, last = np.searchsorted(answered_at_s, [looks[0].at_s, looks[-1].at_s])
    return float((looks[-1].spool_bytes - looks[0].spool_bytes) / (last - first)) if last > first else 0.0
