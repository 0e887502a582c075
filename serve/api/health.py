"""Probes and metrics: `/health/live`, `/health/ready`, `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from serve.metrics import Metrics
from serve.model.serving_model import ServingModel


def health_routes(model: ServingModel, metrics: Metrics) -> APIRouter:
    """The probes of one server."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        """The process is alive."""
        return {"live": True}

    @router.get("/health/ready")
    async def ready() -> dict[str, bool]:
        """A model is loaded and the server accepts requests; otherwise 503."""
        return {"ready": model.active is not None}

    @router.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
