"""Whole HTTP requests with fresh rows, made before the load so that sending them is all that a client does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from bench.applications import random_rows
from bench.experiments.peers.contenders import Contender
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.forms import Answer, Rows
from bench.experiments.peers.lineup import Running
from bench.experiments.peers.model import SharedModel

POOL_ROWS: Final = 160_000
"""Rows of the batches of one size; more than a branch predictor remembers."""
POOL_REQUESTS: Final = 20_000
"""Most requests of one size."""

HEADERS: Final = {"X-Load-Test": "true"}

RELATIVE_TOLERANCE: Final = 1e-5
"""The peers' servers print float32 in their own ways."""

CHECK_TIMEOUT_S: Final = 60.0


def write_requests(contender: Contender, rows: int, server: Running, folder: Path, seed: int) -> Path:
    """Prepare a contender's requests of one size; with the same seed all contenders get the same rows."""
    path = folder / f"{contender.name.replace(chr(32), chr(95))}-{rows}.http"
    with path.open("wb") as file:
        for request in make_requests(contender, rows, server, seed):
            file.write(b"%d\n" % len(request))
            file.write(request)
    return path


def make_requests(contender: Contender, rows: int, server: Running, seed: int) -> Iterator[bytes]:
    """A contender's requests of one size, head and body."""
    count = min(POOL_REQUESTS, POOL_ROWS // rows)
    pool = random_rows(count * rows, np.random.default_rng(seed))
    for number in range(count):
        yield _request(contender, server, pool[number * rows : (number + 1) * rows])


def _request(contender: Contender, server: Running, rows: Rows) -> bytes:
    body = contender.form.write(rows)
    headers = {
        "Host": f"127.0.0.1:{server.port}",
        **HEADERS,
        **server.headers,
        **body.headers,
        "Content-Length": str(len(body.content)),
    }
    head = f"POST {contender.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode("ascii") + b"\r\n" + body.content


def check_answers(contender: Contender, rows: int, server: Running, model: SharedModel, seed: int) -> None:
    """Compare a contender's answer with XGBoost's: who answers something else is not compared with.

    Raises:
        PeersError: another status than 200, or other probabilities.
    """
    sample = random_rows(rows, np.random.default_rng(seed))
    body = contender.form.write(sample)
    url = f"http://127.0.0.1:{server.port}{contender.path}"
    headers = {**HEADERS, **server.headers, **body.headers}
    answer = httpx.post(url, content=body.content, headers=headers, timeout=CHECK_TIMEOUT_S)
    if answer.status_code != httpx.codes.OK:
        raise PeersError(f"{contender.name}, {rows} rows: status {answer.status_code}: {answer.text[:300]}")
    answered = {name.lower(): value for name, value in answer.headers.items()}
    found = contender.form.read(Answer(answer.content, answered))
    expected = model.probabilities(sample)
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=RELATIVE_TOLERANCE, atol=0):
        raise PeersError(f"{contender.name}, {rows} rows: other probabilities than XGBoost's own")
