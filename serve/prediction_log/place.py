"""Tells which places in the log are taken."""

from __future__ import annotations

import uuid
from pathlib import Path

from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.segment import list_segments
from serve.prediction_log.segment_reader import records_of


def is_recorded(spool: Path, place: RecordPlace) -> bool:
    """Whether there is a complete record at this place, in the spool or already in PostgreSQL."""
    while (found := _is_in_spool(spool, place)) is None:
        continue
    if found:
        return True
    # Checked last: a segment is removed only after its chain's anchor says that its records are committed.
    anchor = Anchors(spool).of(place.chain_id)
    return anchor is not None and anchor.sequence >= place.sequence


def recorded_up_to(spool: Path, chain_id: uuid.UUID) -> int:
    """The number of complete records of a chain, in the spool or already in PostgreSQL. Its process must have ended, or
    be ours.
    """
    while (last := _last_in_spool(spool, chain_id)) is None:
        continue
    anchor = Anchors(spool).of(chain_id)  # last, as above
    return max(last, 0 if anchor is None else anchor.sequence)


def _last_in_spool(spool: Path, chain_id: uuid.UUID) -> int | None:
    """The last record in the spool; 0 if there is none; None as below."""
    last = 0
    for key, path in list_segments(spool).items():
        if key.chain_id != chain_id:
            continue
        try:
            last = max(last, *(record.facts.sequence for record in records_of(path)), 0)
        except FileNotFoundError:
            return None
        except SpoolError:
            continue  # not a segment: the shipper sets it aside
    return last


def _is_in_spool(spool: Path, place: RecordPlace) -> bool | None:
    """None if a segment was sealed or removed meanwhile, so that the check must be repeated."""
    for key, path in list_segments(spool).items():
        if key.chain_id != place.chain_id:
            continue
        try:
            if any(record.facts.sequence == place.sequence for record in records_of(path)):
                return True
        except FileNotFoundError:
            return None
        except SpoolError:
            continue  # not a segment: the shipper sets it aside
    return False
