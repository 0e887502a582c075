"""The HTTP application: routes, errors and the order of start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from fraud.errors import ProjectError
from serve.access.control import AccessControl
from serve.access.known_browsers import KnownBrowsers
from serve.access.middleware import RequireLogin
from serve.api.error_forms import ERROR_FORMS
from serve.api.health import health_routes
from serve.api.inference_v2.routes import InferRoutes, inference_routes
from serve.api.labels import label_routes
from serve.api.mlflow_scoring import invocations_route, mlflow_routes
from serve.api.model_admin import model_routes
from serve.api.native import JsonDecoders, contract_routes
from serve.api.openapi import describe
from serve.api.openapi.docs_page import docs_routes
from serve.api.other_requests import CountedRequests
from serve.api.scoring_routes import ScoringRoutes
from serve.api.security_headers import headers_of_every_answer, policies_for
from serve.desk_proxy.proxy import DeskProxy
from serve.error_answers import as_serve_error, error_form, error_response, request_id_of, trace_of
from serve.errors import RouteError, ServeError
from serve.http.connection import HttpService
from serve.http.open_connections import OpenConnections
from serve.http.responder import Responder
from serve.http.scoring_exchange import ScoringService
from serve.idempotency.answers import SavedAnswers
from serve.keys.watch import KeyWatch
from serve.limits import Limits
from serve.metrics import Metrics
from serve.metrics_keeper import MetricsKeeper
from serve.mlflow_proxy.proxy import MlflowProxy
from serve.model.model_change import ModelChange
from serve.model.registry_watch import RegistryWatch
from serve.model.serving_model import ServingModel
from serve.overload.in_flight import Admission
from serve.overload.load_shedder import LoadShedder
from serve.overload.rate_limits import NoLimits, RateLimits
from serve.overload.thread_queue import ThreadQueue
from serve.policy.policies import ReviewPolicies
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import RecordLog
from serve.scoring.scoring import Scoring
from serve.scoring.span import RequestSpans
from serve.shadow.state_file import StateFile
from serve.state_gauges import StateGauges

logger = logging.getLogger(__name__)

TITLE: Final = "Marriage-loan scoring"
VERSION: Final = "0.1.0"
# Longer than what common reverse proxies keep (60 s): whoever closes first must not be us.
KEEP_ALIVE_S: Final = 75.0
LEASE_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the application is assembled from."""

    model: ServingModel
    change: ModelChange
    json: JsonDecoders
    log: RecordLog
    saved_answers: SavedAnswers
    pseudonyms: Pseudonyms
    policies: ReviewPolicies
    fetch_policies: Callable[[], None]
    """Fetches the review policies from the database."""
    database: Callable[[], str]
    """Returns the connection string, for the server's role."""
    limits: Limits
    rate_limits: RateLimits | NoLimits
    shadow: StateFile | None
    """Watches the shadow version, if shadowing is on."""
    access: AccessControl
    keys: KeyWatch
    """Updates the valid API keys of `access`."""
    browsers: KnownBrowsers
    proxy: MlflowProxy | None
    desk: DeskProxy | None
    """Proxy to the desk's pages; None: no desk."""
    scoring_threads: int
    workers: int
    """Total number of server processes."""
    drain_timeout_s: float
    encrypted: bool
    """Whether connections are TLS."""
    certificate_ends_at_s: float | None
    """When the TLS certificate expires, seconds since 1970."""
    watch: RegistryWatch | None
    """Only in the worker that polls the registry for all workers."""
    spans: RequestSpans | None
    """Makes spans of sampled requests; None: no collector is configured."""
    lease_s: float | None
    """Lease: how long a version is served without the registry's confirmation, seconds; None: no limit."""


@dataclass(frozen=True, slots=True)
class Application:
    """What uvicorn runs: the framework's part, and what its connections share."""

    asgi: ASGIApp
    service: HttpService


def create_app(parts: Parts) -> Application:
    """Assemble the application; nothing starts before its lifespan does."""
    metrics, limits = Metrics(), parts.limits
    threads = ThreadPoolExecutor(parts.scoring_threads, thread_name_prefix="scoring")
    admission = Admission(limits.max_rows_in_flight, limits.max_bytes_in_flight)
    connections = OpenConnections(limits.max_connections, limits.read_timeout_s, KEEP_ALIVE_S)
    queue = ThreadQueue(threads, limits.max_wait_s)
    keeper = MetricsKeeper(
        metrics=metrics,
        gauges=StateGauges(VERSION, parts.certificate_ends_at_s),
        model=parts.model,
        access=parts.access,
        admission=admission,
        connections=connections,
        threads=queue,
        watches_registry=parts.watch is not None,
    )
    scoring = Scoring(
        model=parts.model,
        log=parts.log,
        saved_answers=parts.saved_answers,
        pseudonyms=parts.pseudonyms,
        policies=parts.policies,
        max_body_bytes=limits.max_body_bytes,
        admission=admission,
        rate_limits=parts.rate_limits,
        threads=queue,
        metrics=metrics,
    )
    max_rows = limits.max_batch_rows
    scoring_routes = [*contract_routes(parts.json, max_rows), invocations_route(max_rows)]
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description="Probability that a couple divorces soon after a marriage loan.",
        lifespan=functools.partial(_lifespan, parts, threads, connections, keeper),
        routes=[
            *inference_routes(parts.model, metrics, VERSION),
            *mlflow_routes(parts.model),
            *(parts.proxy.routes() if parts.proxy else ()),
            *(parts.desk.routes() if parts.desk else ()),
            *docs_routes(TITLE),
        ],
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.include_router(
        model_routes(
            parts.model,
            parts.change,
            parts.policies,
            parts.fetch_policies,
            shadow=parts.shadow,
            workers=parts.workers,
        )
    )
    app.include_router(label_routes(parts.database))
    app.include_router(health_routes(parts.model, metrics))
    app.add_exception_handler(ProjectError, _any_error)
    app.add_exception_handler(HTTPException, _any_error)
    app.add_exception_handler(Exception, _any_error)
    app.openapi = functools.partial(describe, app)  # type: ignore[method-assign]
    infer_routes = InferRoutes(parts.model, max_rows)
    service = HttpService(
        ScoringService(
            routes=ScoringRoutes([*scoring_routes, infer_routes.unversioned], infer_routes.find),
            scoring=scoring,
            access=parts.access,
            shedder=LoadShedder(limits.max_wait_s),
            error_form=lambda path: error_form(path, ERROR_FORMS),
            spans=parts.spans,
        ),
        Responder(
            headers_of_every_answer(encrypted=parts.encrypted),
            policies_for,
            lambda: parts.model.version,
        ),
        connections,
    )
    return Application(CountedRequests(RequireLogin(app, parts.access, parts.browsers, ERROR_FORMS), metrics), service)


@contextlib.asynccontextmanager
async def _lifespan(
    parts: Parts,
    threads: ThreadPoolExecutor,
    connections: OpenConnections,
    keeper: MetricsKeeper,
    _app: FastAPI,
) -> AsyncIterator[None]:
    parts.keys.look()
    parts.log.start()
    parts.saved_answers.start()
    await asyncio.to_thread(parts.model.load_local)
    # Objects that exist by now are permanent: exempt them from garbage collection while requests are served.
    gc.collect()
    gc.freeze()
    tasks = [
        asyncio.create_task(parts.change.run()),
        asyncio.create_task(keeper.run()),
        asyncio.create_task(connections.keep_time()),
        asyncio.create_task(parts.keys.run()),
    ]
    if parts.watch is not None:
        tasks.append(asyncio.create_task(parts.watch.run()))
    if parts.lease_s is not None:
        parts.model.keep_lease(parts.lease_s)
        tasks.append(asyncio.create_task(_keep_lease(parts.model, parts.lease_s)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(OSError):
            keeper.note()
        threads.shutdown(wait=True)
        await asyncio.to_thread(parts.log.stop)
        parts.saved_answers.stop()
        if parts.spans is not None:
            await asyncio.to_thread(parts.spans.close)
        for proxy in (parts.proxy, parts.desk):
            if proxy is not None:
                await proxy.close()


async def _keep_lease(model: ServingModel, lease_s: float) -> None:
    while True:
        model.keep_lease(lease_s)
        await asyncio.sleep(LEASE_LOOK_S)


async def _any_error(request: Request, error: Exception) -> Response:
    """Write an error in the form of the protocol at this address."""
    request_id = request_id_of(request)
    if isinstance(error, HTTPException):
        told: ServeError = _of_framework(request, error)
    else:
        told = as_serve_error(error, request_id, trace_of(request))
    return error_response(told, request_id, error_form(request.url.path, ERROR_FORMS))


def _of_framework(request: Request, error: HTTPException) -> RouteError:
    headers = dict(error.headers or {})
    if "Allow" in headers:
        methods = {method.strip() for method in headers["Allow"].split(",")}
        # Routes that answer GET also answer HEAD (`serve.http.asgi_exchange`).
        headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return RouteError(
        f"{request.method} {request.url.path}: {error.detail}; /docs lists all routes",
        error.status_code,
        str(error.detail).lower().replace(" ", "_"),
        headers,
    )
