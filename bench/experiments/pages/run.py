"""One run: windows of the same load, with and without somebody who looks at pages, in turn."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.applications import request_headers
from bench.experiments.pages.reader import Loads, Reader
from bench.experiments.site.errors import SiteError
from bench.experiments.site.site import START_TIMEOUT_S, Site
from bench.experiments.soak.load import LoadProcess, load_process
from bench.experiments.soak.load_plan import Stretch
from bench.experiments.soak.plan import Cores
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.quantile_ratio import quantile_ratio
from fraud.database import connect
from fraud.statistics.interval import Interval
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password, one_time_password
from serve.people.sessions import begin_session

SEED: Final = 1
PERSON: Final = "bench.reader"
COOKIE: Final = "session"
QUANTILES: Final = (0.5, 0.99)


class Plan(msgspec.Struct, frozen=True):
    """What is measured."""

    pairs: int
    """Of windows, with and without somebody at the pages."""
    window_s: float
    requests_per_s: float
    """Of scoring, in every window."""
    pages_per_s: float
    """That somebody opens, in every second window."""


class Latency(msgspec.Struct, frozen=True):
    """Of one quantile of scoring's latency."""

    quantile: float
    alone_ms: float
    beside_ms: float
    """While somebody looks at pages."""
    ratio: Interval
    """Beside over alone, with the 95% interval over pairs of windows."""


class PageFigures(msgspec.Struct, frozen=True):
    """Of one page."""

    path: str
    page_kb: float
    kept_kb: float
    loads: int
    median_ms: float
    slowest_ms: float


class PagesRun(msgspec.Struct, frozen=True):
    """What one run found."""

    plan: Plan
    latencies: tuple[Latency, ...]
    failed: int
    """Scoring requests whose answer was not 200."""
    pages: tuple[PageFigures, ...]


def run(folder: Path, plan: Plan, tell: Callable[[str], None]) -> PagesRun:
    """Set up a site with pages, and load it.

    Raises:
        SiteError, StackError: the site can't be set up, or a page is not shown.
    """
    cores = Cores.of_this_process()
    os.sched_setaffinity(0, cores.site)
    with Site(folder, tell, len(cores.site), with_pages=True) as site:
        site.run("verifying the record, for a report", "serve.audit", "verify")
        reader = _reader(site, plan.pages_per_s)
        os.sched_setaffinity(0, cores.load)  # a reader's browser is on another machine, and takes nothing from the site
        tell("preparing requests")
        with load_process(folder, site.server.port, request_headers(site.api_key), cores.load, SEED) as load:
            windows, failed = _measure(load, plan, reader, tell)
    return PagesRun(
        plan,
        tuple(_latency(quantile, windows[False], windows[True]) for quantile in QUANTILES),
        failed,
        tuple(_figures(page) for page in reader.pages if page.seconds),
    )


def _measure(
    load: LoadProcess, plan: Plan, reader: Reader, tell: Callable[[str], None]
) -> tuple[dict[bool, list[NDArray[np.float64]]], int]:
    """Latencies of each window, by whether somebody looks at pages, and how many requests failed."""
    windows: dict[bool, list[NDArray[np.float64]]] = {False: [], True: []}
    failed = 0
    _window(load, plan)  # warms up, and is not counted
    for pair in range(plan.pairs):
        tell(f"pair {pair + 1} of {plan.pairs}")
        for is_beside in (False, True) if pair % 2 == 0 else (True, False):
            with reader.reading() if is_beside else contextlib.nullcontext():
                latency_ms, lost = _window(load, plan)
            windows[is_beside].append(latency_ms)
            failed += lost
    return windows, failed


def _reader(site: Site, pages_per_s: float) -> Reader:
    """Somebody who operates the service and is logged in."""
    account = Account(PERSON, frozenset({PersonRole.OPERATE}), hash_password(one_time_password()))
    with connect(site.owner_dsn) as connection:
        add_account(connection, account)
        secret = begin_session(connection, PERSON)
    site.wait_until(site.has_pages, START_TIMEOUT_S, "the pages are there")
    return Reader(site.server.url, {COOKIE: secret}, pages_per_s)


def _window(load: LoadProcess, plan: Plan) -> tuple[NDArray[np.float64], int]:
    """Latencies of single applications, milliseconds from when each was due, and how many requests failed."""
    samples, _ = load.run(f"pages{secrets.token_hex(4)}", Stretch("window", plan.window_s, plan.requests_per_s))
    answered = samples.status == 200
    is_single = np.array([kind.rows == 1 for kind in REQUEST_KINDS])[samples.kind]
    latency_ms = 1e3 * samples.latency_s[answered & is_single]
    if not latency_ms.size:
        raise SiteError("no single application was scored in a window: take longer ones, or a higher rate")
    return latency_ms, int((~answered).sum())


def _latency(quantile: float, alone: list[NDArray[np.float64]], beside: list[NDArray[np.float64]]) -> Latency:
    ratio = quantile_ratio(alone, beside, quantile, np.random.default_rng(SEED))
    alone_ms, beside_ms = (float(np.quantile(np.concatenate(some), quantile)) for some in (alone, beside))
    return Latency(quantile, alone_ms, beside_ms, ratio)


def _figures(page: Loads) -> PageFigures:
    times_ms = 1e3 * np.array(page.seconds)
    return PageFigures(
        page.path,
        page.page_bytes / 1e3,
        page.kept_bytes / 1e3,
        len(page.seconds),
        float(np.median(times_ms)),
        float(times_ms.max()),
    )
