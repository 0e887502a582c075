"""BentoML with a service as its documentation writes it for XGBoost: arrays in, arrays out, one worker."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.experiments.peers.servers.launch import Launch, Place

SERVICES: Final = Path(__file__).parents[1] / "services"


def launch(place: Place) -> Launch:
    """Serve `services/bentoml_service.py`."""
    serve = (str(place.programs / "bentoml"), "serve", "bentoml_service:Scoring", "--working-dir", str(SERVICES))
    return Launch(
        command=(*serve, "--host", "127.0.0.1", "--port", str(place.port)),
        ready_path="/readyz",
        environment={
            "MODEL_FILE": str(place.model.native.resolve()),
            "BENTOML_HOME": str(place.folder.resolve()),
            "BENTOML_DO_NOT_TRACK": "true",
        },
    )
