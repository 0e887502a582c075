"""`mlflow models serve` with the booster in MLflow's own XGBoost form, one worker, without an access log.

Measured to be best: `inputs`, which needs no data frame, for single rows; for larger requests both forms are alike.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.servers.launch import Launch, Place

SAVE_SCRIPT: Final = Path(__file__).parents[1] / "services" / "save_mlflow_model.py"
SAVE_TIMEOUT_S: Final = 120


def launch(place: Place) -> Launch:
    """Save the model with the environment's own MLflow."""
    saved = place.folder / "model"
    shutil.rmtree(saved, ignore_errors=True)
    command = [str(place.python), str(SAVE_SCRIPT), str(place.model.native), str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SAVE_TIMEOUT_S)
    if done.returncode != 0:
        raise PeersError(f"MLflow can't save the model: {done.stderr.strip()[-300:]}")
    serve = (str(place.programs / "mlflow"), "models", "serve", "--model-uri", str(saved), "--env-manager", "local")
    return Launch(
        command=(*serve, "--host", "127.0.0.1", "--port", str(place.port), "--workers", "1"),
        ready_path="/ping",
        environment={
            # It starts uvicorn by its name.
            "PATH": f"{place.programs}{os.pathsep}{os.environ['PATH']}",
            "UVICORN_ACCESS_LOG": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
    )
