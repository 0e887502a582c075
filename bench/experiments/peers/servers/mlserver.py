"""MLServer with its XGBoost runtime, at its fastest on one core.

Measured to be best: no worker processes (they copy every request), no debug mode, no gzip, no metrics, its numpy codec
with one flat FP32 tensor; adaptive batching gains 40% on single rows and loses on larger requests, so both are there.
The model is the plain booster: loaded as a regressor, its `predict` is the probability, one number a row, where the
classifier's `predict_proba` would write two.
"""

from __future__ import annotations

import shutil

import msgspec

from bench.experiments.peers.contenders import MODEL_NAME
from bench.experiments.peers.servers.launch import Launch, Place
from fraud.stack.ports import hold_port

BATCHING = {"max_batch_size": 16, "max_batch_time": 0.002}


def launch(place: Place, *, batching: bool) -> Launch:
    """Write the model's folder and the settings."""
    shutil.copyfile(place.model.native, place.folder / "model.ubj")
    server = {
        "debug": False,
        "parallel_workers": 0,
        "host": "127.0.0.1",
        "http_port": place.port,
        "grpc_port": hold_port(),
        "metrics_port": hold_port(),
        "metrics_endpoint": None,
        "gzip_enabled": False,
    }
    model = {
        "name": MODEL_NAME,
        "implementation": "mlserver_xgboost.XGBoostModel",
        "parameters": {"uri": "./model.ubj"},
        **(BATCHING if batching else {}),
    }
    (place.folder / "settings.json").write_bytes(msgspec.json.encode(server))
    (place.folder / "model-settings.json").write_bytes(msgspec.json.encode(model))
    command = (str(place.programs / "mlserver"), "start", str(place.folder.resolve()))
    return Launch(command, f"/v2/models/{MODEL_NAME}/ready")
