"""One run: windows of the same load, with and without somebody who looks at pages, in turn."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from bench.applications import request_headers
from bench.experiments.pages.officers import Officers, open_cases, sessions
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
MAXIMUM_S: Final = 15.0


class Plan(msgspec.Struct, frozen=True):
    """What is measured."""

    pairs: int
    """Of windows, with and without somebody at the pages."""
    window_s: float
    requests_per_s: float
    """Of scoring, in every window."""
    pages_per_s: float
    """That somebody opens, in every second window."""
    officers: int = 0
    """Who work cases at the desk; 0: one person who looks at all pages."""
    share_of_maximum: float | None = None
    """Of what the site can score: the rate of scoring in place of `requests_per_s`."""


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
        site.wait_until(site.has_pages, START_TIMEOUT_S, "the pages are there")
        os.sched_setaffinity(0, cores.load)  # a reader's browser is on another machine, and takes nothing from the site
        tell("preparing requests")
        with load_process(folder, site.server.port, request_headers(site.api_key), cores.load, SEED) as load:
            if plan.share_of_maximum is not None:
                plan = msgspec.structs.replace(plan, requests_per_s=plan.share_of_maximum * _maximum(load, tell))
            _window(load, plan)  # warms up, and is not counted
            reader = _officers(site, plan, tell) if plan.officers else _reader(site, plan.pages_per_s)
            windows, failed = _measure(load, plan, reader, tell)
    return PagesRun(
        plan,
        tuple(_latency(quantile, windows[False], windows[True]) for quantile in QUANTILES),
        failed,
        tuple(_figures(page) for page in reader.pages if page.seconds),
    )


def _measure(
    load: LoadProcess, plan: Plan, reader: Reader | Officers, tell: Callable[[str], None]
) -> tuple[dict[bool, list[NDArray[np.float64]]], int]:
    """Latencies of each window, by whether somebody looks at pages, and how many requests failed."""
    windows: dict[bool, list[NDArray[np.float64]]] = {False: [], True: []}
    failed = 0
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
    return Reader(site.server.url, {COOKIE: secret}, pages_per_s)


def _officers(site: Site, plan: Plan, tell: Callable[[str], None]) -> Officers:
    """Officers who have as many cases as they can work in all windows, and some more."""
    tell("opening cases")
    needed = plan.officers + math.ceil(plan.pairs * plan.window_s * plan.pages_per_s)
    with connect(site.owner_dsn) as connection:
        site.wait_until(lambda: _count(connection) >= needed, START_TIMEOUT_S, "answers for the cases are on record")
        open_cases(connection, needed)
        secrets_of_sessions = sessions(connection, plan.officers)
    officers = Officers(site.server.url, secrets_of_sessions, plan.pages_per_s)
    officers.warm_up()
    return officers


def _count(connection: Connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.prediction_requests")
        ((number,),) = cursor.fetchall()
    return int(number)


def _maximum(load: LoadProcess, tell: Callable[[str], None]) -> float:
    """Requests a second that are answered with no pause between them."""
    tell("finding the maximum")
    begun = time.perf_counter()
    samples, _ = load.run(f"pages{secrets.token_hex(4)}", Stretch("maximum", MAXIMUM_S))
    return len(samples.number) / (time.perf_counter() - begun)


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
