"""Spools as the versions before this one have left them; each format that ever landed has an archive."""

from __future__ import annotations

import tarfile
from pathlib import Path

WITHOUT_END_MARKS = Path(__file__).with_name("landed_spool_archives") / "1_without_end_marks.tar.gz"
"""Chains that begin with zeros: one of three sealed segments of a record each, `whole-1` to `whole-3`; and one whose
process died in its third record, `cut-1` and `cut-2`."""
WITHOUT_REASONS = WITHOUT_END_MARKS.with_name("2_without_reasons.tar.gz")
"""A sealed segment of three records, `before-1` to `before-3` of one to three rows, with ids and pseudonyms."""


def unpack(archive: Path, spool: Path) -> None:
    with tarfile.open(archive) as files:
        files.extractall(spool, filter="data")
