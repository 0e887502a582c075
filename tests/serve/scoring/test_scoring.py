"""What a request asks for decides what is computed, where, and what is on record: without an engine of its own."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT
from serve.answer import Answer
from serve.errors import ReasonsUnavailable
from serve.overload.rate_limits import NoLimits
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.record import PredictionRecord
from serve.scoring.options import options_of
from serve.scoring.request import ScoringRequest
from serve.scoring.scoring import INLINE_BODY_MAX_BYTES, REASONED_BODY_MAX_BYTES, Scoring
from tests.serve.scoring.test_reasons import Effects, routes

BODY = json.dumps({"instances": [EXAMPLE_INSTANCE] * 3}).encode()


class Unasked:
    """Fails where reasons are computed that nobody asked for."""

    base = 0.0

    def effects(self, _matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("nobody asked")


class Log(list[PredictionRecord]):
    waits_for_disk = False

    def append(self, record: PredictionRecord, _promise: object = None) -> None:
        super().append(record)


def nothing(*_: object) -> None:
    """What a collaborator does that is not looked at here."""


def scoring(log: Log, contributions: object) -> Scoring:
    engine = SimpleNamespace(score=lambda matrix: np.full(len(matrix), 0.5, np.float32))
    manifest = SimpleNamespace(model_version=3, model_name="m")
    loaded = SimpleNamespace(manifest=manifest, engine=engine, sha256=bytes(32), contributions=contributions)
    return scoring_with(loaded, log)


def scoring_with(loaded: object, log: Log) -> Scoring:
    """Scores with a model that is loaded."""
    collaborators: dict[str, Any] = {
        "model": SimpleNamespace(active=loaded),
        "log": log,
        "saved_answers": None,
        "pseudonyms": Pseudonyms("k" * 32),
        "policies": None,
        "max_body_bytes": 2**20,
        "admission": None,
        "rate_limits": NoLimits(),
        "threads": None,
        "metrics": SimpleNamespace(implausible=SimpleNamespace(note=nothing)),
    }
    return Scoring(**collaborators)


def request(body: bytes, query: str) -> ScoringRequest:
    options = options_of(routes()["/batch_predict"], {}, "tester", query)
    ticket: Any = SimpleNamespace(add_bytes=nothing, add_rows=nothing)
    made = ScoringRequest(options, "r", ticket, announced_bytes=len(body), max_bytes=2**20)
    made.add(body)
    return made


def answer(log: Log, contributions: object, query: str) -> Answer:
    return scoring(log, contributions).answer(request(BODY, query))


@pytest.mark.parametrize("query", ["", "language=nl", "errors=report&warnings=true"])
def test_reasons_are_computed_for_nobody_who_does_not_ask(query: str) -> None:
    log = Log()
    told = json.loads(answer(log, Unasked(), query).content)
    assert told["probabilities"] == [0.5] * 3
    assert "reasons" not in told
    assert log[0].reasons is None


def test_reasons_that_are_told_are_on_record() -> None:
    log = Log()
    told = json.loads(answer(log, Effects(), "reasons=3").content)
    assert log[0].reasons is not None
    pairs = log[0].reasons.reshape(3, 3, 2)
    for row, recorded in zip(told["reasons"], pairs, strict=True):
        assert [reason["effect"] for reason in row] == [pytest.approx(effect, rel=1e-6) for effect in recorded[:, 1]]
    assert log[0].reasons.shape[1] <= 2 * FEATURE_COUNT


def test_nothing_is_on_record_where_the_version_gives_no_reasons() -> None:
    log = Log()
    with pytest.raises(ReasonsUnavailable):
        answer(log, None, "reasons=3")
    assert not log
    assert answer(log, None, "").model_version == 3


@pytest.mark.parametrize(
    ("query", "size", "is_quick"),
    [
        ("", INLINE_BODY_MAX_BYTES, True),
        ("", INLINE_BODY_MAX_BYTES + 1, False),
        ("warnings=true", INLINE_BODY_MAX_BYTES, True),
        ("reasons=1", REASONED_BODY_MAX_BYTES, True),
        ("reasons=1", REASONED_BODY_MAX_BYTES + 1, False),
    ],
)
def test_many_reasons_are_told_beside_the_event_loop(query: str, size: int, is_quick: bool) -> None:
    assert scoring(Log(), None).is_quick(request(b"x" * size, query)) is is_quick
