"""Presets for MLflow's pages behind the proxy: models and runs first, and no button whose call would be refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ASSETS: Final = Path(__file__).with_name("assets")
_ABSENT: Final = {
    "/ajax-api/2.0/mlflow/users/current": b"{}",
    "/ajax-api/3.0/mlflow/assistant/config": b'{"providers":{},"projects":{},"remote_access_allowed":false}',
    "/ajax-api/3.0/mlflow/assistant/providers": b'{"providers":[]}',
    "/ajax-api/2.0/mlflow/gateway-proxy": b'{"endpoints":[]}',
}
"""Empty answers to calls that pages make to parts of MLflow that the proxy does not offer."""
OURS: Final[Mapping[str, tuple[bytes, str]]] = {
    "/presets.js": ((_ASSETS / "presets.js").read_bytes(), "text/javascript"),
    "/presets.css": ((_ASSETS / "presets.css").read_bytes(), "text/css"),
    **{path: (answer, "application/json") for path, answer in _ABSENT.items()},
}
"""Files that the proxy serves itself: path below its prefix -> content and type."""
_HEAD: Final = b"<head>"
# MLflow's own script is deferred, so this one runs first.
_LINKS: Final = b'<script src="presets.js"></script><link rel="stylesheet" href="presets.css"/>'


def with_presets(page: bytes) -> bytes:
    """MLflow's page with our presets inserted; unchanged if it has no head."""
    return page.replace(_HEAD, _HEAD + _LINKS, 1)
