"""Our server as it is deployed, with one worker, and the same without its prediction log."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Final

from bench.experiments.peers.contenders import MODEL_NAME
from bench.experiments.peers.servers.launch import Launch, Place
from fraud.api_keys import SCORING_API_KEY, bearer
from serve.engine import read_model
from serve.model.model_store import Manifest, model_store

VERSION: Final = 1
READY_PATH: Final = "/health/ready"
"""Answers 200 when the model is loaded."""


def launch(place: Place, *, logged: bool) -> Launch:
    """Put the model into the server's store of verified local copies, from which it starts without a registry."""
    model = read_model(place.model.onnx)
    store = model_store(place.folder, MODEL_NAME)
    store.add(Manifest(MODEL_NAME, VERSION, model.sha256, dt.datetime.now(dt.UTC).date()), lambda: model.content)
    store.make_current(VERSION)
    command = ("-m", "serve" if logged else "bench.experiments.peers.unlogged", "--workers", "1")
    return Launch(
        command=(sys.executable, *command, "--host", "127.0.0.1", "--port", str(place.port)),
        ready_path=READY_PATH,
        environment={
            **place.secrets,
            "RUN_DIR": str(place.folder.resolve()),
            "DATABASE_URL": place.database,
            "MODEL_NAME": MODEL_NAME,
            "SERVE_WORKERS": "1",
            "SSL_CERTFILE": "",
            "SSL_KEYFILE": "",
            "SCORING_THREADS": "1",
        },
        headers=bearer(place.secrets[SCORING_API_KEY]),
    )
