"""What a request asks to be told beside the probabilities: by its query, or by headers where a client has no query.

| query | header | means |
|---|---|---|
| `errors=report` | `X-Errors: report` | good rows are scored, faulty ones come back as null with their reasons |
| `warnings=true` | `X-Warnings: true` | values that are hardly what they say they are come back by row |
| `reasons=K` | `X-Reasons: K` | the K features that raise or lower the score most come back by row |
| `language=nl` | `X-Language: nl` | in the language that is named; English where none is |
| `decision=true` | `X-Decision: true` | each row is to be reviewed or passed, by the policy in force |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fraud.features import FEATURE_COUNT
from fraud.languages import ENGLISH
from fraud.reason_words import OFFERED
from serve.decoding import DecodedRows
from serve.decoding.checked_rows import FaultyRows
from serve.errors import MalformedHeader

ERRORS: Final = "errors"
WARNINGS: Final = "warnings"
DECISION: Final = "decision"
REASONS: Final = "reasons"
LANGUAGE: Final = "language"
ERRORS_HEADER: Final = "X-Errors"
WARNINGS_HEADER: Final = "X-Warnings"
DECISION_HEADER: Final = "X-Decision"
REASONS_HEADER: Final = "X-Reasons"
LANGUAGE_HEADER: Final = "X-Language"
POLICY: Final = "policy"
"""In a call on record: the policy that its rows were decided by."""

_HEADERS: Final = {
    name: header.lower()
    for name, header in (
        (ERRORS, ERRORS_HEADER),
        (WARNINGS, WARNINGS_HEADER),
        (DECISION, DECISION_HEADER),
        (REASONS, REASONS_HEADER),
        (LANGUAGE, LANGUAGE_HEADER),
    )
}
_YES_OR_NO: Final = {"false": False, "0": False, "true": True, "1": True}
ANSWERS: Final[Mapping[str, Mapping[str, bool | int | str]]] = {
    ERRORS: {"refuse": False, "report": True},
    WARNINGS: _YES_OR_NO,
    DECISION: _YES_OR_NO,
    REASONS: {str(count): count for count in range(1, FEATURE_COUNT + 1)},
    LANGUAGE: {language: language for language in OFFERED},
}
"""What each may be, and what is asked for by it."""
MAX_POSITIONS: Final = 100
"""Of faulty rows that a record names."""


@dataclass(frozen=True, slots=True)
class Asks:
    """What a request asks for."""

    report: bool = False
    warnings: bool = False
    decision: bool = False
    reasons: int = 0
    """So many a row; 0 where none are asked for."""
    language: str = ENGLISH
    """Of the reasons."""

    @property
    def text(self) -> str:
        """What tells it from other requests; "" where nothing is asked for."""
        if self == NO_ASKS:
            return ""
        reasons = f"&{REASONS}={self.reasons}&{LANGUAGE}={self.language}" if self.reasons else ""
        decision = f"&{DECISION}={self.decision}" if self.decision else ""
        return f"?{ERRORS}={self.report}&{WARNINGS}={self.warnings}{reasons}{decision}"


NO_ASKS: Final = Asks()


def asks_of(query: str, headers: Mapping[str, str]) -> Asks:
    """Read the query of an address and the headers; where both say something, the query counts, and both must be right.

    Raises:
        MalformedHeader: an answer that is none.
    """
    if not query and not any(header in headers for header in _HEADERS.values()):
        return NO_ASKS
    by_header = {name: _answer(name, headers[header].strip()) for name, header in _HEADERS.items() if header in headers}
    pairs = parse_qsl(query, keep_blank_values=True)
    by_query = {name: _answer(name, value) for name, value in pairs if name in _HEADERS}
    asked = by_header | by_query
    reasons = int(asked.get(REASONS, 0))
    return Asks(
        report=bool(asked.get(ERRORS)),
        warnings=bool(asked.get(WARNINGS)),
        decision=bool(asked.get(DECISION)),
        reasons=reasons,
        language=str(asked.get(LANGUAGE, ENGLISH)) if reasons else ENGLISH,
    )


def tolerated(read: Callable[[], DecodedRows], asks: Asks) -> DecodedRows:
    """The rows that `read` gives; where faults are to be reported, the good ones, and the faults of the others.

    Raises:
        FaultyRows: they are not to be reported, or no row is good: nothing would be scored.
    """
    try:
        return read()
    except FaultyRows as found:
        if not asks.report or not len(found.good.matrix):
            raise
        return found.good


def call_on_record(path: str, rows: DecodedRows, policy: str | None = None) -> str:
    """How the record names a call: its path; where rows were left out, how many came, and which were faulty; where rows
    were decided about, the policy.

    The record's rows are the good ones, in the order of the request.
    """
    told = []
    if rows.faults:
        positions = ",".join(str(fault.instance) for fault in rows.faults[:MAX_POSITIONS])
        told.append(f"{ERRORS}=report&rows={rows.sent}&faulty={len(rows.faults)}&at={positions}")
    if policy is not None:
        told.append(f"{POLICY}={policy}")
    return f"{path}?{'&'.join(told)}" if told else path


def policy_on_record(endpoint: str) -> str | None:
    """The policy that a call on record names; None where nothing was decided."""
    return dict(parse_qsl(urlsplit(endpoint).query)).get(POLICY)


def _answer(name: str, value: str) -> bool | int | str:
    found = ANSWERS[name].get(value.lower())
    if found is None:
        expected = f"one of {', '.join(ANSWERS[name])}" if name != REASONS else f"a number from 1 to {FEATURE_COUNT}"
        raise MalformedHeader(f"{name}, or {_HEADERS[name]}: expected {expected}")
    return found
