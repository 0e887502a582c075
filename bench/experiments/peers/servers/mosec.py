"""mosec: a front in Rust, and Python workers, one for each route; `services/mosec_service.py` says what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.experiments.peers.servers.launch import Launch, Place

SERVICE: Final = Path(__file__).parents[1] / "services" / "mosec_service.py"


def launch(place: Place) -> Launch:
    """Serve it, at mosec's own settings but for what it writes into its log."""
    address = ("--address", "127.0.0.1", "--port", str(place.port))
    return Launch(
        command=(str(place.python), str(SERVICE), *address, "--log-level", "warning"),
        ready_path="/",
        environment={"MODEL_FILE": str(place.model.native.resolve())},
    )
