"""Run by an environment of its own: the manner of the original service, for comparison, as `original_service.py PORT`.

MODEL_FILE and DATABASE_URL configure it. It has the original's costs and no others: a pydantic object and a dictionary
for each application, a DMatrix per request, and one INSERT and one commit for each prediction on one blocking
connection in asynchronous code.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import psycopg2
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from xgboost import Booster, DMatrix

CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS original_predictions (
        id bigserial PRIMARY KEY,
        "timestamp" timestamptz NOT NULL DEFAULT now(),
        features jsonb NOT NULL,
        divorce_probability double precision NOT NULL
    )
"""
INSERT = "INSERT INTO original_predictions (features, divorce_probability) VALUES (%s, %s)"


class Application(BaseModel):
    """One application."""

    Client_Income: float
    Credit_Amount: float
    Loan_Annuity: float
    Age_Days: float
    Employed_Days: float
    Registration_Days: float
    ID_Days: float
    Phone_Change: float
    Credit_Bureau: float
    Education_Days: float


class Batch(BaseModel):
    """Some applications."""

    instances: list[Application]


app = FastAPI()
booster = Booster()
booster.load_model(os.environ["MODEL_FILE"])
connection = psycopg2.connect(os.environ["DATABASE_URL"])
with connection, connection.cursor() as create:
    create.execute(CREATE_TABLE)


def score(applications: list[Application]) -> list[float]:
    """Score and record."""
    instances = [application.model_dump() for application in applications]
    matrix = DMatrix(np.array([list(instance.values()) for instance in instances], dtype=np.float32))
    probabilities = booster.predict(matrix).tolist()
    for instance, probability in zip(instances, probabilities, strict=True):
        with connection, connection.cursor() as cursor:
            cursor.execute(INSERT, (json.dumps(instance), probability))
    return [float(probability) for probability in probabilities]


@app.post("/predict")
async def predict(application: Application) -> dict[str, float]:
    """One application."""
    return {"probability": score([application])[0]}


@app.post("/batch_predict")
async def batch_predict(batch: Batch) -> dict[str, list[float]]:
    """Several applications."""
    return {"probabilities": score(batch.instances)}


@app.get("/health")
async def health() -> dict[str, bool]:
    """Whether it answers."""
    return {"live": True}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False)
