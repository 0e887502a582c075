"""How MLflow's pages look through the proxy: models and runs first, and no button whose call would be refused."""

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
"""What pages ask, by themselves, of parts of MLflow that are not there behind the proxy: that they are empty."""
OURS: Final[Mapping[str, tuple[bytes, str]]] = {
    "/presets.js": ((_ASSETS / "presets.js").read_bytes(), "text/javascript"),
    "/presets.css": ((_ASSETS / "presets.css").read_bytes(), "text/css"),
    **{path: (answer, "application/json") for path, answer in _ABSENT.items()},
}
"""What the proxy answers by itself, content and type, by the path below its own."""
_HEAD: Final = b"<head>"
# MLflow's own script is deferred, so this one has run before it.
_LINKS: Final = b'<script src="presets.js"></script><link rel="stylesheet" href="presets.css"/>'


def with_presets(page: bytes) -> bytes:
    """MLflow's page, which takes our presets first; as it is where it has no head."""
    return page.replace(_HEAD, _HEAD + _LINKS, 1)
