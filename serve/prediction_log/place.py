"""Whether a place in the log is taken."""

from __future__ import annotations

from pathlib import Path

from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_reader import records_of


def is_recorded(spool: Path, place: RecordPlace) -> bool:
    """Whether a whole record stands at this place, in the spool or in PostgreSQL already."""
    while (found := _is_in_spool(spool, place)) is None:
        continue
    if found:
        return True
    # Looked at last: a segment goes only after its chain's anchor says that its records are committed.
    anchor = Anchors(spool).of(place.chain_id)
    return anchor is not None and anchor.sequence >= place.sequence


def _is_in_spool(spool: Path, place: RecordPlace) -> bool | None:
    """None when a segment was sealed or removed meanwhile, so that another look is needed."""
    for key, path in list_segments(spool).items():
        if key.chain_id != place.chain_id:
            continue
        try:
            if any(record.facts.sequence == place.sequence for record in records_of(path)):
                return True
        except FileNotFoundError:
            return None
        except SpoolError:
            continue  # no segment: the shipper sets it aside
    return False
