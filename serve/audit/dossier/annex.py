"""An annex: records with all their rows, by which an expert compares one row of a batch with the record's digest.

It has data of others, so it is a file of its own, which nobody gets with the dossier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from serve.audit.dossier.proof import Content
from serve.audit.dossier.proving import content_of
from serve.audit.errors import AuditError
from serve.audit.stored_rows import LoggedRecord

ANNEX_FILE: Final = "annex.json"


def annex_of(records: Iterable[LoggedRecord]) -> bytes:
    """The file of these records, each by its hash."""
    return msgspec.json.encode({one.record.hash.hex(): content_of(one.record) for one in records})


def read_annex(data: bytes) -> Mapping[str, Content]:
    """What a file has.

    Raises:
        AuditError: it is no annex.
    """
    try:
        return msgspec.json.decode(data, type=dict[str, Content])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AuditError(f"this is no annex of a dossier: {error}") from None
