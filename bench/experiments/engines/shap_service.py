"""Run by shap's environment: `shap_service.py MODEL.ubj` explains the rows that come in, in the log-odds of one thread.

A request is the number of rows as eight bytes, then the rows as float32; the answer is the effects as float64. For a
booster of XGBoost the explainer asks XGBoost itself, so what it takes beyond that is shap's own.
"""

from __future__ import annotations

import struct
import sys

import numpy as np
from shap import TreeExplainer
from xgboost import Booster

if __name__ == "__main__":
    booster = Booster()
    booster.load_model(sys.argv[1])
    booster.set_param("nthread", 1)
    features = booster.num_features()
    explainer = TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while header := incoming.read(8):
        (count,) = struct.unpack("<q", header)
        rows = np.frombuffer(incoming.read(4 * features * count), np.float32).reshape(count, features)
        effects = np.asarray(explainer.shap_values(rows, check_additivity=False), np.float64)
        outgoing.write(effects.tobytes())
        outgoing.flush()
