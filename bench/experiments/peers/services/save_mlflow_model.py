"""Run by MLflow's environment: `save_mlflow_model.py MODEL.ubj FOLDER` saves a booster as an MLflow model."""

from __future__ import annotations

import sys

import mlflow.xgboost
from xgboost import Booster

if __name__ == "__main__":
    booster = Booster()
    booster.load_model(sys.argv[1])
    mlflow.xgboost.save_model(booster, sys.argv[2], model_format="ubj", pip_requirements=["xgboost-cpu"])
