"""docs/reference/http-api.md: every call, from the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from fastapi import FastAPI

from serve.api.health import health_routes
from serve.api.labels import label_routes
from serve.api.model_admin import model_routes
from serve.api.openapi import describe
from serve.request_names import REQUEST_ID_HEADER
from tests.docs.reference.markdown import table

TITLE: Final = "HTTP API"
INTRODUCTION: Final = """\
A running server shows these calls at `/docs`, with schemas and examples, and as OpenAPI at `/openapi.json`. Every call
takes and returns `X-Request-ID`. [Score applications](../how-to/score-applications.md) explains the scoring calls,
[errors](errors.md) the answers other than 200.

"""
_METHODS: Final = ("get", "post")
_LOGIN: Final = re.compile(r" ?(Any login|Requires the role `\w+`)\.$")
_FURTHER: Final = re.compile(r"\.( |$)| \(role ")
_NOT_ASKED: Final = cast("Any", None)
"""Routes ask these when they answer, which they do not here."""


def http_api_page() -> str:
    """The page: a table of calls, then what each takes and returns."""
    app = FastAPI()
    app.include_router(model_routes(_NOT_ASKED, _NOT_ASKED, _NOT_ASKED, _NOT_ASKED, shadow=None, workers=1))
    app.include_router(label_routes(_NOT_ASKED))
    app.include_router(health_routes(_NOT_ASKED, _NOT_ASKED))
    calls = [
        (f"{method.upper()} {path}", operation, item.get("parameters", []))
        for path, item in sorted(describe(app)["paths"].items())
        for method, operation in item.items()
        if method in _METHODS
    ]
    rows = [(f"`{name}`", _summary(operation), _login(operation)) for name, operation, _ in calls]
    parts = [table(("call", "what it does", "login"), rows)]
    parts += [_chapter(name, operation, shared) for name, operation, shared in calls]
    return INTRODUCTION + "\n".join(parts)


def _login(operation: dict[str, Any]) -> str:
    if "security" not in operation:
        return "none"
    described: str = operation["description"]
    if "Requires the role" in described:
        return described.rpartition("Requires the role ")[2].rstrip(".")
    return "any"


def _chapter(name: str, operation: dict[str, Any], shared: list[dict[str, Any]]) -> str:
    parameters = [
        (f"`{parameter['name']}`", parameter["in"], "yes" if parameter.get("required") else "", _meaning(parameter))
        for parameter in [*shared, *operation.get("parameters", [])]
        if parameter["name"] != REQUEST_ID_HEADER
    ]
    answers = operation["responses"]
    refusals = ", ".join(sorted(answers.keys() - {"200"}))
    lines = [
        f"## `{name}`\n\n{_summary(operation)}.\n",
        *([table(("parameter", "in", "required", "meaning"), parameters)] if parameters else []),
        *_listed("Body", operation.get("requestBody", {})),
        *_listed("Answer", answers["200"]),
        f"Other statuses: {refusals}.\n",
    ]
    return "\n".join(lines)


def _summary(operation: dict[str, Any]) -> str:
    """The framework makes a summary of a function's name; the first sentence of its docstring says more."""
    described = _LOGIN.sub("", " ".join(operation.get("description", "").split()))
    return _FURTHER.split(described)[0] if described else str(operation["summary"])


def _listed(what: str, bodies: dict[str, Any]) -> list[str]:
    kinds = ", ".join(f"`{kind}`" for kind in bodies.get("content", {}))
    return [f"{what}: {kinds}.\n"] if kinds else []


def _meaning(parameter: dict[str, Any]) -> str:
    return str(parameter.get("description", parameter["schema"].get("description", "")))
