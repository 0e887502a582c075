"""An annex: records with all their rows, for an expert who compares one row of a batch with the record's digest.

It has data of other people, so it is a separate file, which is not given out with the dossier.
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
    """The annex file of these records, keyed by hash."""
    return msgspec.json.encode({one.record.hash.hex(): content_of(one.record) for one in records})


def read_annex(data: bytes) -> Mapping[str, Content]:
    """Read an annex file.

    Raises:
        AuditError: it is not an annex.
    """
    try:
        return msgspec.json.decode(data, type=dict[str, Content])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AuditError(f"this is not an annex of a dossier: {error}") from None
