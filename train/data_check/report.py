"""What the check found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from fraud.verdict import Verdict, worst


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    expected: str

    def __str__(self) -> str:
        """As a reason of the verdict."""
        return f"{self.name}: {self.found}; expected {self.expected}"


@dataclass(frozen=True, slots=True)
class DataReport:
    """All findings, of the applications before a day."""

    cutoff: dt.date
    rows: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Of the check as a whole."""
        return worst(finding.verdict for finding in self.findings)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong; of data with which nothing is, what was looked at."""
        wrong = tuple(str(finding) for finding in self.findings if finding.verdict is not Verdict.PASS)
        return wrong or (f"{self.rows:,} applications before {self.cutoff} can be trained on",)
