"""What `access` found and what `erase` did as pages: no scripts, nothing to fetch, to be kept, printed or sent.

By the standard library: the server's image has no engine for templates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from serve.audit.person import Answered
from serve.audit.receipt import Receipt

TEMPLATE: Final = Path(__file__).with_suffix(".html")


def access_page(applications: Sequence[Answered], moment: dt.datetime) -> bytes:
    """Everything that is on record about one person."""
    parts = [_note(f"{len(applications)} answers on record, as of {_time(moment)}.")]
    for number, answered in enumerate(applications, 1):
        facts: list[tuple[str, object]] = [
            ("Received", _time(answered.received_at)),
            ("Request", answered.request_id),
            ("Row of the request", answered.row_number),
            ("Application", answered.application_id or "-"),
            ("Sent by", answered.caller),
            ("Sent to", answered.endpoint),
            ("Probability that was answered", f"{answered.probability:.7g}"),
            ("Model", f"version {answered.model_version}, SHA-256 {answered.model_sha256}"),
            ("Load test", "yes" if answered.load_test else "no"),
        ]
        features = [(name, f"{value:.9g}") for name, value in answered.features.items()]
        outcomes = [
            (f"Outcome, {outcome.decided_on}", "divorced" if outcome.divorce else "not divorced")
            for outcome in answered.outcomes
        ]
        parts += [f"<h2>Application {number}</h2>", _table([*facts, *features, *outcomes])]
    return _page("What is on record about you", parts)


def receipt_page(receipt: Receipt) -> bytes:
    """What was erased, and what remains."""
    summary = [
        ("Erased", _time(receipt.erased_at)),
        ("Records", receipt.records),
        ("Rows", receipt.rows),
        ("Outcomes", receipt.outcomes),
        ("Answers by Idempotency-Key", receipt.answers_by_idempotency_key),
        ("Ids of requests", "erased" if receipt.request_ids else "kept"),
        ("Written anew", ", ".join(receipt.rewritten) or "-"),
        ("Kept", receipt.kept),
    ]
    places = [(place.request_id, f"row {place.row_number}, {_time(place.received_at)}") for place in receipt.places]
    return _page(
        "Receipt of an erasure",
        [
            _table(summary),
            "<h2>What remains, and until when</h2>",
            _list(receipt.remains or ["nothing in the database and its WAL"]),
            "<h2>What is not reached</h2>",
            _list(receipt.not_reached),
            "<h2>Where it was</h2>",
            _table(places),
        ],
    )


def _page(title: str, parts: Iterable[str]) -> bytes:
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), body="\n".join(parts)).encode()


def _table(rows: Iterable[tuple[str, object]]) -> str:
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    return "\n".join(("<table>", *lines, "</table>"))


def _list(items: Iterable[str]) -> str:
    return "\n".join(("<ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"))


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _time(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
