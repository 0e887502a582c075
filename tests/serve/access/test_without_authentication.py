"""`AUTHENTICATION=off` lets everybody score, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from fraud.features import EXAMPLE_INSTANCE
from serve.access.failed_logins import OF_ONE
from tests.live_stack import LOGIN, LiveStack, server_beside


def test_everybody_scores_and_nobody_operates(stack: LiveStack, tmp_path: Path) -> None:
    with server_beside(stack, tmp_path, AUTHENTICATION="off", API_KEYS="", SERVE_WORKERS="1") as url:
        for path in ("/predict", "/predict?by=query"):
            for headers in ({}, {"X-API-Key": "of another server"}, LOGIN):
                assert httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=headers).status_code == 200
            for login in (stack.admin, ("admin", "a guess")):
                answer = httpx.post(url + path, json=EXAMPLE_INSTANCE, auth=login)
                assert answer.status_code == 200, "the answer tells which password is right"
        assert httpx.get(url + "/model-info").status_code == 200
        for path in ("/metrics", "/mlflow/"):
            assert httpx.get(url + path).status_code == 401
        assert httpx.post(url + "/update-model").status_code == 401
        assert httpx.get(url + "/metrics", auth=stack.admin).status_code == 200

        def guess(number: int) -> int:
            return httpx.get(url + "/metrics", auth=("admin", f"guess {number}"), timeout=30).status_code

        with ThreadPoolExecutor(2 * OF_ONE.guesses) as pool:
            assert 429 in set(pool.map(guess, range(2 * OF_ONE.guesses)))
