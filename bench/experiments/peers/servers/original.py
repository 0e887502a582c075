"""The manner of the original service: `services/original_service.py` says what that is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.experiments.peers.servers.launch import Launch, Place

SERVICE: Final = Path(__file__).parents[1] / "services" / "original_service.py"


def launch(place: Place) -> Launch:
    """Serve it with uvicorn."""
    return Launch(
        command=(str(place.python), str(SERVICE), str(place.port)),
        ready_path="/health",
        environment={"MODEL_FILE": str(place.model.native.resolve()), "DATABASE_URL": place.database},
    )
