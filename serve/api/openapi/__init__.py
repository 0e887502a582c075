"""The OpenAPI description of the scoring routes, which FastAPI can't describe since they bypass pydantic."""

from serve.api.openapi.page import describe

__all__ = ["describe"]
