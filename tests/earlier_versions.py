"""What earlier versions of this project have left behind, made by this one."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import onnx

from fraud.registry import MODEL_FILE, MODEL_FOLDER, PRODUCTION, TEST_AP_TAG, ModelVersion, Registry, mlflow_client
from train.artifacts import NATIVE_FILE


def register_without_golden_rows(registry: Registry, *, with_trees: bool = False) -> ModelVersion:
    """Register the production model as it was before models carried golden rows, with its XGBoost model or without."""
    production = registry.version_of(PRODUCTION)
    assert production is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL_FILE
        model = onnx.load_model_from_string(registry.fetch_model(production))
        del model.metadata_props[:]
        path.write_bytes(model.SerializeToString())
        client = mlflow_client(registry.tracking_uri, registry.timeout_s)
        run_id = client.create_run(experiment_id="0").info.run_id
        client.log_artifact(run_id, str(path), MODEL_FOLDER)
        if with_trees:
            trees = registry.download_file(production, NATIVE_FILE, Path(folder))
            client.log_artifact(run_id, str(trees), MODEL_FOLDER)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return registry.register(run_id, sha256, production.data_cutoff, {TEST_AP_TAG: production.tags[TEST_AP_TAG]})
