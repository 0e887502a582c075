"""Models: the registry, what a server watches there, and training."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from fraud.cores import usable_cores
from fraud.errors import SettingsError
from fraud.settings.part import Part, PositiveFloat, PositiveInt, Share


def parse_excluded(value: str) -> tuple[str, ...]:
    """Names that are comma-separated; `none`: no name."""
    names = tuple(name for part in value.split(",") if (name := part.strip()))
    return () if names == ("none",) else names


def _parse_excluded(value: object) -> object:
    return parse_excluded(value) if isinstance(value, str) else value


class ModelSettings(Part):
    """Models: the registry, what a server watches there, and training."""

    mlflow_tracking_uri: str | None = Field(None, description="MLflow address; unset = the embedded server")
    model_name: str = Field("divorce-model", description="registered model")
    registry_timeout_s: PositiveInt = Field(10, description="longest wait for one registry call, seconds")
    model_watch_s: float = Field(
        5.0,
        ge=0,
        description="time from one look of a server at what the registry calls production to the next, seconds"
        "; 0 = only at its start and on /update-model",
    )
    model_lease_s: PositiveFloat | None = Field(
        None,
        description="longest time that a server answers without the registry's word that its version is in production, "
        "seconds; then 503; unset = for ever",
    )
    shadow_alias: str | None = Field(
        None,
        description="alias of the registry whose version scores what was answered as well, such as `candidate`: see "
        "Shadow a candidate; unset = none",
    )
    shadow_share: Share = Field(0.1, description="share of the requests that it scores")
    excluded_features: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_parse_excluded)] = Field(
        None,
        description="features on which no model splits, comma-separated; `none` = use all; unset = as the version in "
        "production",
    )
    train_seed: int = Field(7, ge=0, description="seed of training")
    train_threads: PositiveInt = Field(
        default_factory=usable_cores,
        description="threads of training",
        json_schema_extra={"default": "all cores"},
    )

    def tracking_uri(self) -> str:
        """Address of the MLflow tracking server.

        Raises:
            SettingsError: none is configured.
        """
        if self.mlflow_tracking_uri is None:
            raise SettingsError("no MLflow server: set MLFLOW_TRACKING_URI, or start everything with `make run`")
        return self.mlflow_tracking_uri
