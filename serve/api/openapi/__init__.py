"""The OpenAPI page's part on the scoring routes, which bypass pydantic and so are not described by FastAPI."""

from serve.api.openapi.page import describe

__all__ = ["describe"]
