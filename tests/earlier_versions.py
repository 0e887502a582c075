"""What earlier versions of this project have left behind, made by this one."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import onnx

from fraud.registry import MODEL_FILE, PRODUCTION, ModelVersion, Registry, mlflow_client


def register_without_golden_rows(registry: Registry) -> ModelVersion:
    """Register the production model as it was before models carried golden rows."""
    production = registry.version_of(PRODUCTION)
    assert production is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL_FILE
        model = onnx.load_model_from_string(registry.fetch_model(production))
        del model.metadata_props[:]
        path.write_bytes(model.SerializeToString())
        client = mlflow_client(registry.tracking_uri, registry.timeout_s)
        run_id = client.create_run(experiment_id="0").info.run_id
        client.log_artifact(run_id, str(path), "model")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return registry.register(run_id, sha256, production.data_cutoff, {})
