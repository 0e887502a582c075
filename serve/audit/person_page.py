"""HTML pages of the results of `access` and `erase`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from fraud.counted import counted
from fraud.report.plain_page import bullets, encode_page, facts_table, note, time_text
from serve.audit.person import Answered
from serve.audit.person_cases import ToldCase
from serve.audit.receipt import Receipt


def access_page(applications: Sequence[Answered], moment: dt.datetime) -> bytes:
    """The page of everything on record about one person."""
    parts = [note(f"{counted(len(applications), 'answer')} on record, as of {time_text(moment)}.")]
    for number, answered in enumerate(applications, 1):
        facts: list[tuple[str, object]] = [
            ("Received", time_text(answered.received_at)),
            ("Request", answered.request_id),
            ("Row of the request", answered.row_number),
            ("Application", answered.application_id or "-"),
            ("Sent by", answered.caller),
            ("Sent to", answered.endpoint),
            ("Probability answered", f"{answered.probability:.7g}"),
            ("Model", f"version {answered.model_version}, SHA-256 {answered.model_sha256}"),
            ("Load test", "yes" if answered.load_test else "no"),
        ]
        if answered.shadow is not None:
            would = f"{answered.shadow.probability:.7g} by version {answered.shadow.model_version}, on trial"
            facts.append(("Probability by another version, not answered", would))
        features = [(name, f"{value:.9g}") for name, value in answered.features.items()]
        groups = [(f"Group, {attribute}", value) for attribute, value in answered.groups.items()]
        reasons = [
            (f"Reason {place} given", f"{reason.text} (effect on the log-odds {reason.effect:+.3g})")
            for place, reason in enumerate(answered.reasons or (), 1)
        ]
        outcomes = [
            (f"Outcome, {outcome.decided_on}", "divorced" if outcome.divorce else "not divorced")
            for outcome in answered.outcomes
        ]
        told = [*facts, *reasons, *features, *groups, *outcomes, *_case_facts(answered.case)]
        parts += [f"<h2>Application {number}</h2>", facts_table(told)]
    return encode_page("What is on record about you", parts).encode()


def _case_facts(case: ToldCase | None) -> list[tuple[str, object]]:
    """Officers' acts and texts about an application."""
    if case is None:
        return []
    events: list[tuple[str, object]] = []
    for event in case.events:
        grounds = f", grounds: {', '.join(event.grounds)}" if event.grounds else ""
        words = f": {event.words}" if event.words else ""
        events.append((f"Review, {time_text(event.at)}", f"{event.act.replace('_', ' ')}{grounds}{words}"))
    decision = "none yet" if case.decision is None else case.decision.replace("_", " ")
    return [("Case", f"{case.number}, {case.state}"), ("Decision of officers", decision), *events]


def receipt_page(receipt: Receipt) -> bytes:
    """The page of an erasure: what was erased, and what remains."""
    summary = [
        ("Erased", time_text(receipt.erased_at)),
        ("Records", receipt.records),
        ("Rows", receipt.rows),
        ("Outcomes", receipt.outcomes),
        ("Cases", receipt.cases),
        ("Answers by Idempotency-Key", receipt.answers_by_idempotency_key),
        ("Answers of streams", receipt.answers_of_streams),
        ("Ids of requests", "erased" if receipt.request_ids else "kept"),
        ("Rewritten", ", ".join(receipt.rewritten) or "-"),
        ("Kept", receipt.kept),
    ]
    places = [(place.request_id, f"row {place.row_number}, {time_text(place.received_at)}") for place in receipt.places]
    parts = [
        facts_table(summary),
        "<h2>What remains, and until when</h2>",
        bullets(receipt.remains or ["nothing in the database and its WAL"]),
        "<h2>What is not reached</h2>",
        bullets(receipt.not_reached),
        "<h2>Where it was</h2>",
        facts_table(places),
    ]
    return encode_page("Receipt of an erasure", parts).encode()
