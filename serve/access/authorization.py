"""The role that each address requires. An address that is not listed requires any valid login."""

from __future__ import annotations

import re
from typing import Final

from fraud.api_keys import Role

OPEN_PATHS: Final = frozenset(
    {
        *("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping", "/health"),
        *("/docs", "/openapi.json"),
    }
)
"""Probes, which orchestrators send without a login, and the OpenAPI document, which holds no secret."""

PAGES: Final = (
    *("/", "/login", "/logout", "/password", "/people", "/keys", "/keys/{rest:path}", "/notices"),
    *("/login/provider", "/login/provider/callback", "/login/provider/logout", "/dossiers"),
    *("/reports", "/reports/{rest:path}", "/history", "/outcomes", "/operate", "/operate/{rest:path}"),
    "/assets/{name}",
    *("/desk", "/desk/{rest:path}"),
)
"""Addresses of the desk, which has its own login."""

_OPEN: Final = re.compile(
    r"/v2/models/[^/]+(/versions/[^/]+)?/ready|/docs/[0-9.]+/[^/]+|/assets/[^/]+|/(reports|operate|keys|desk)/.+",
    re.DOTALL,
)
"""Probes of a model, the files of the page `/docs` (a public library), and pages of the desk."""

_ROLES: Final = (
    (re.compile(r"/predict|/batch_predict|/invocations|/v2/models/[^/]+(/versions/[^/]+)?/infer"), Role.SCORE),
    (re.compile(r"/update-model|/prepare-model/[0-9]+"), Role.OPERATE),
    (re.compile(r"/labels"), Role.LABEL),
    (re.compile(r"/metrics|/v2/models(/.+)?/stats|/mlflow(/.*)?", re.DOTALL), Role.READ),
)


def is_open(path: str) -> bool:
    """Whether the path requires no login."""
    return path in OPEN_PATHS or path in PAGES or _OPEN.fullmatch(path) is not None


def role_for(path: str) -> Role | None:
    """The role that a path requires; None if any login is enough."""
    return next((role for pattern, role in _ROLES if pattern.fullmatch(path)), None)
