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
    """What scores a share of the requests as well, and answers none."""

    alias: str = Field(description="of the registry")
    model_version: str | None = Field(description="the version that shadows; null while none does")
    fault: str | None = Field(description="what went wrong the last time that the alias was looked up")


class ModelInfo(BaseModel):
    """What is in charge of the answers."""

    model_name: str
    model_version: str
    data_cutoff_date: str = Field(description="first day that the model has not seen")
    status: str = Field(description="`ready`")
    sha256: str = Field(description="of model.onnx, as registered")
    engine: str = Field(description="what runs the trees")
    engine_plan: dict[str, Any] | None = Field(description="who scores batches of which size, as measured at load")
    shadow: ShadowInfo | None = Field(description="null where `SHADOW_ALIAS` is not set")
    worker: int = Field(description="process id of the server process that answers this")
    workers: int = Field(description="server processes in all; each answers for itself")
    review_policy: PolicyInfo | None = Field(
        description="in force now; null where none is, or to whom has neither the role `read` nor `operate`"
    )
    no_review_policy: str | None = Field(description="why none is in force, to those who may see one")


class ModelUpdate(BaseModel):
    """What `/update-model` did."""

    message: str
    model_version: str


class ModelPrepared(BaseModel):
    """What `/prepare-model` did."""

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
    """The two routes over the given model of a server of so many processes."""
    router = APIRouter(tags=["model"])

    @router.get("/model-info")
    async def model_info(request: Request) -> ModelInfo:
        """Name, version and data cutoff of the model that answers, and by which policy it decides."""
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
        """Load what the registry calls production, and the review policies, in every worker before this answers (role
        `operate`). What shadows is looked up as well, and not waited for.
        """
        try:
            await asyncio.to_thread(fetch_policies)
        except (ProjectError, psycopg2.Error) as error:
            # Those of before hold on, and the model is no worse for it.
            logger.warning("review policies can't be read: %s", str(error).partition("\n")[0])
        if shadow is not None:
            shadow.ask()
        number, is_new = await change.update()
        version = str(number)
        message = f"now serving version {version}" if is_new else f"version {version} was already serving"
        return ModelUpdate(message=message, model_version=version)

    @router.post("/prepare-model/{version:int}")
    async def prepare_model(version: Annotated[int, Path(description="of the registered model")]) -> ModelPrepared:
        """Load and check a registered version in every worker, beside the one in charge; nothing changes yet (role
        `operate`).

        Where the registry calls it production later, `/update-model` only has to switch; until then it takes memory.
        `/update-model` drops it where production is still the version in charge.
        """
        await change.prepare(version)
        return ModelPrepared(message=f"version {version} can be served", prepared_version=str(version))

    return router


def _shadow_info(state: ShadowState) -> ShadowInfo:
    version = state.model_version
    return ShadowInfo(alias=state.alias, model_version=None if version is None else str(version), fault=state.fault)
