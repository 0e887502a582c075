"""Protocols with their own form of errors: used by the server to write them and by the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serve.api import mlflow_scoring
from serve.api.inference_v2 import routes as inference_v2
from serve.error_answers import WriteError

ERROR_FORMS: Final[Mapping[str, WriteError]] = {
    "v2": inference_v2.write_error,
    "invocations": mlflow_scoring.write_error,
    "version": mlflow_scoring.write_error,
    "/ping": mlflow_scoring.write_error,
    "/health": mlflow_scoring.write_error,
}
"""Keyed by address, or by its first segment."""
