"""Dossiers of a small log, with a stand-in for the model: what the tests of this folder share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from serve.audit.collected import read_collected
from serve.audit.dossier.document import Audience, Dossier, GateVerdict, ModelFacts
from serve.audit.dossier.gathering import Row, Sources, Wish, gather, rows_of_application
from serve.audit.stored_rows import records_of_application, records_of_request
from serve.audit.witnesses import Outside
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.chain import microseconds
from serve.prediction_log.spool import Spool
from serve.scoring.reasons import explain
from tests.serve.audit.test_reasons import WITH, Effects, load, probabilities
from tests.serve.prediction_log_rows import record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

AUDIT_KEY = AnchorKey(b"key of the tests, long enough to be one")
PERSON = b"p" * 32
OTHER = b"q" * 32
OTHERS_ID = "somebody-else-4711"
CARD = "# The card\n\nAveraged over everybody."


class Shelf:
    """Stands in for the registry, which the test of the command asks."""

    def facts(self, number: int, sha256: str, audience: Audience) -> ModelFacts:
        gate = GateVerdict(7, NOON, "pass", "ab" * 32, True, ["AUC-PR: higher"])
        card = CARD if audience is Audience.COURT else None
        return ModelFacts("divorce", number, sha256, dt.date(2026, 4, 1), FEATURE_NAMES, gate, "pass", "cd" * 32, card)


def fill(dsn: str, spool: Path, key: AnchorKey | None = AUDIT_KEY, *, behind: int = 3) -> None:
    """Application A alone in a request with reasons, then A and another in a batch, and others behind them."""
    policy = add_policy(dsn, threshold=0.001, control_share=0.5)
    assert policy is not None
    with running_spool(spool) as writer:
        add(writer, 0, request_id="alone", endpoint=f"/predict?policy={policy.id}", application_ids=["A"])
        add(writer, 1, rows=2, request_id="batch", application_ids=["A", OTHERS_ID], applicant_refs=[PERSON, OTHER])
        for number in range(behind):
            add(writer, 2 + number, request_id=f"behind-{number}", caller="other-caller", applicant_refs=[OTHER])
    ship_all(spool, dsn, key)


def add(writer: Spool, minute: int, rows: int = 1, **changes: Any) -> None:
    """One record, with the reasons that the stand-in gives."""
    features = (
        record(rows=rows).features.copy() if rows > 1 else np.full((1, len(FEATURE_NAMES)), 5 + minute, np.float32)
    )
    features[0, 8] = np.nan
    given = explain(Effects(), WITH, features, 2).on_record()  # type: ignore[arg-type]
    scored = {"features": features, "probabilities": probabilities(features), "reasons": given}
    at = microseconds(NOON + HOUR + dt.timedelta(minutes=minute))
    defaults = {"received_at": at, "model_version": WITH, "applicant_refs": [PERSON], "caller": "intake"}
    writer.append(record(rows, **(defaults | scored | changes)))


def made(
    dsn: str,
    spool: Path,
    audience: Audience = Audience.COURT,
    *,
    language: str = "en",
    key: AnchorKey | None = AUDIT_KEY,
    request: str | None = None,
    places: tuple[Path, ...] = (),
    application: str = "A",
) -> Dossier:
    """The dossier of application A, or of the first row of a request."""
    with connect(dsn) as connection:
        if request is None:
            rows = rows_of_application(list(records_of_application(connection, application)), application)
        else:
            rows = [Row(one, 0) for one in records_of_request(connection, request)]
        outside = Outside(spool, key, read_collected(places, key))
        policies = signed_policies(read_journal(connection))
        sources = Sources(connection, outside, policies, KEY, load, Shelf())  # type: ignore[arg-type]
        return gather(sources, rows, Wish(application if request is None else None, audience, language))
