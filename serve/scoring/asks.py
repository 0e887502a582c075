"""Options of a request for notes beside the probabilities: in the query, or in headers if a client can't set a query.

| query | header | means |
|---|---|---|
| `errors=report` | `X-Errors: report` | valid rows are scored, invalid ones are null, with their faults |
| `warnings=true` | `X-Warnings: true` | implausible values are reported for each row |
| `reasons=K` | `X-Reasons: K` | the K features that raise or lower the score most are reported for each row |
| `language=nl` | `X-Language: nl` | language of the reasons; default: English |
| `decision=true` | `X-Decision: true` | decide for each row whether it is reviewed or passed, by the policy in force |
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
"""In a recorded call: the policy of its decisions."""

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
"""Allowed values of each option, and their meaning."""
MAX_POSITIONS: Final = 100
"""Maximum invalid rows named in a record."""


@dataclass(frozen=True, slots=True)
class Asks:
    """The options of a request."""

    report: bool = False
    warnings: bool = False
    decision: bool = False
    reasons: int = 0
    """Number of reasons for each row; 0 if not requested."""
    language: str = ENGLISH
    """Language of the reasons."""

    @property
    def text(self) -> str:
        """A text that identifies the options; "" for none."""
        if self == NO_ASKS:
            return ""
        reasons = f"&{REASONS}={self.reasons}&{LANGUAGE}={self.language}" if self.reasons else ""
        decision = f"&{DECISION}={self.decision}" if self.decision else ""
        return f"?{ERRORS}={self.report}&{WARNINGS}={self.warnings}{reasons}{decision}"


NO_ASKS: Final = Asks()


def asks_of(query: str, headers: Mapping[str, str]) -> Asks:
    """Read the options from query and headers; the query takes precedence, but both must be valid.

    Raises:
        MalformedHeader: an invalid value.
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
    """The rows of `read`; if faults are requested, the valid rows with the faults of the others.

    Raises:
        FaultyRows: faults are not to be reported, or no row is valid.
    """
    try:
        return read()
    except FaultyRows as found:
        if not asks.report or not len(found.good.matrix):
            raise
        return found.good


def call_on_record(path: str, rows: DecodedRows, policy: str | None = None) -> str:
    """The name of a call in the record: its path; if rows were left out, their total number and the invalid ones; if
    decisions were made, the policy. The record has the valid rows, in the order of the request.
    """
    told = []
    if rows.faults:
        positions = ",".join(str(fault.instance) for fault in rows.faults[:MAX_POSITIONS])
        told.append(f"{ERRORS}=report&rows={rows.sent}&faulty={len(rows.faults)}&at={positions}")
    if policy is not None:
        told.append(f"{POLICY}={policy}")
    return f"{path}?{'&'.join(told)}" if told else path


def policy_on_record(endpoint: str) -> str | None:
    """The policy of a recorded call; None if it has no decisions."""
    return dict(parse_qsl(urlsplit(endpoint).query)).get(POLICY)


def _answer(name: str, value: str) -> bool | int | str:
    found = ANSWERS[name].get(value.lower())
    if found is None:
        expected = f"one of {', '.join(ANSWERS[name])}" if name != REASONS else f"a number from 1 to {FEATURE_COUNT}"
        raise MalformedHeader(f"{name}, or {_HEADERS[name]}: expected {expected}")
    return found
