"""`AUTHENTICATION=off` lets everybody score, and nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LOGIN, LiveStack, server_beside


def test_everybody_scores_and_nobody_operates(stack: LiveStack, tmp_path: Path) -> None:
    with server_beside(stack, tmp_path, AUTHENTICATION="off", API_KEYS="", SERVE_WORKERS="1") as url:
        for path in ("/predict", "/predict?by=query"):
            for headers in ({}, {"X-API-Key": "of another server"}, LOGIN):
                assert httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=headers).status_code == 200
        assert httpx.get(url + "/model-info").status_code == 200
        for path in ("/metrics", "/mlflow/"):
            assert httpx.get(url + path).status_code == 401
        assert httpx.post(url + "/update-model").status_code == 401
        assert httpx.get(url + "/metrics", auth=stack.admin).status_code == 200
