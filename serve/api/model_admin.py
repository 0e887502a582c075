"""`/model-info` and `/update-model`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import psycopg2
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from fraud.errors import ProjectError
from serve.access.middleware import caller_of
from serve.api.policy_info import PolicyInfo, shown_policy
from serve.model.model_change import ModelChange
from serve.model.serving_model import ServingModel
from serve.policy.policies import ReviewPolicies
from serve.shadow.state_file import ShadowState, StateFile

logger = logging.getLogger(__name__)


class ShadowInfo(BaseModel):
    """The shadow model: it also scores a share of the requests, and its answers are only recorded."""

    alias: str = Field(description="alias in the registry")
    model_version: str | None = Field(description="the shadow version; null while there is none")
    fault: str | None = Field(description="the error of the last look-up of the alias")


class ModelInfo(BaseModel):
    """The active model."""

    model_name: str
    model_version: str
    data_cutoff_date: str = Field(description="first day that is not in the training data")
    status: str = Field(description="`ready`")
    sha256: str = Field(description="of model.onnx, as registered")
    engine: str = Field(description="kernels that evaluate the trees")
    engine_plan: dict[str, Any] | None = Field(
        description="which kernel scores batches of which size, as measured at load"
    )
    shadow: ShadowInfo | None = Field(description="null where `SHADOW_ALIAS` is not set")
    worker: int = Field(description="process id of the server process that answers this")
    workers: int = Field(description="number of server processes; each answers for itself")
    review_policy: PolicyInfo | None = Field(
        description="in force now; null if there is none, or if the caller has neither the role `read` nor `operate`"
    )
    no_review_policy: str | None = Field(description="why none is in force, for callers who may see the policy")


class ModelUpdate(BaseModel):
    """Result of `/update-model`."""

    message: str
    model_version: str


class ModelPrepared(BaseModel):
    """Result of `/prepare-model`."""

    message: str
    prepared_version: str


def model_routes(
    model: ServingModel,
    change: ModelChange,
    policies: ReviewPolicies,
    fetch_policies: Callable[[], None],
    *,
    shadow: StateFile | None,
    workers: int,
) -> APIRouter:
    """The model's routes; `workers` is the number of server processes."""
    router = APIRouter(tags=["model"])

    @router.get("/model-info")
    async def model_info(request: Request) -> ModelInfo:
        """Name, version and data cutoff of the active model, and the review policy in force."""
        active = model.active
        policy, why_none = shown_policy(policies, caller_of(request))
        manifest = active.manifest
        return ModelInfo(
            model_name=manifest.model_name,
            model_version=str(manifest.model_version),
            data_cutoff_date=manifest.data_cutoff_date.isoformat(),
            status="ready",
            sha256=manifest.sha256,
            engine=active.engine.name,
            engine_plan=None if active.engine.plan is None else msgspec.to_builtins(active.engine.plan),
            shadow=None if shadow is None else _shadow_info(shadow.read()),
            worker=os.getpid(),
            workers=workers,
            review_policy=policy,
            no_review_policy=why_none,
        )

    @router.post("/update-model")
    async def update_model() -> ModelUpdate:
        """Load the registry's production version and the review policies in every worker, then answer (role `operate`).
        The shadow version is updated too, but not waited for.
        """
        try:
            await asyncio.to_thread(fetch_policies)
        except (ProjectError, psycopg2.Error) as error:
            # The old policies stay in force; the model is unaffected.
            logger.warning("review policies can't be read: %s", str(error).partition("\n")[0])
        if shadow is not None:
            shadow.ask()
        number, is_new = await change.update()
        version = str(number)
        message = f"now serving version {version}" if is_new else f"version {version} was already serving"
        return ModelUpdate(message=message, model_version=version)

    @router.post("/prepare-model/{version:int}")
    async def prepare_model(version: Annotated[int, Path(description="of the registered model")]) -> ModelPrepared:
        """Load and check a registered version in every worker, beside the active one; nothing changes yet (role
        `operate`).

        Once the registry calls it production, `/update-model` only has to switch; until then it takes memory.
        `/update-model` drops it if production is still the active version.
        """
        await change.prepare(version)
        return ModelPrepared(message=f"version {version} can be served", prepared_version=str(version))

    return router


def _shadow_info(state: ShadowState) -> ShadowInfo:
    version = state.model_version
    return ShadowInfo(alias=state.alias, model_version=None if version is None else str(version), fault=state.fault)
