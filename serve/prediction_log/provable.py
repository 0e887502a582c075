"""Recovers provable records of a damaged segment: those that follow by hash from a known record.

A reader of the spool (`segment_reader.py`) starts with the header and goes from record to record. Here the header may
be damaged too, and the log's table may have the hash of the previous record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from serve.prediction_log.chain import FACTS_DECODER, GENESIS
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import (
    PREFIX_BYTES,
    StoredRecord,
    facts_of,
    frame_size,
    frame_starts,
    possible_hashes,
    read_frame,
)


class ProvenRecord(NamedTuple):
    """A record, and its position in the file."""

    offset: int
    record: StoredRecord


def claimed_sequences(data: bytes, features: int) -> list[int]:
    """The sequence numbers that the records of a file claim, proven or not."""
    claimed = (_claimed_sequence(frame) for _, frame in _frames(data, features))
    return [sequence for sequence in claimed if sequence is not None]


def provable_records(
    data: bytes, features: int, firsts: Iterable[bytes], known: Mapping[int, bytes], *, is_of_chain: bool
) -> Iterator[ProvenRecord]:
    """Records of a file, in order, each proven by the one before it.

    Args:
        data: the file.
        features: number of features in each row.
        firsts: candidates for the record before its first one.
        known: hashes of the chain's records by sequence; if the previous one is among them, only that one counts.
        is_of_chain: whether the file is known to belong to this chain. Otherwise a record that follows from `firsts` or
            `known` must prove it first, since records after a damaged one follow from the file's own content.
    """
    possible, end, sequence, is_behind_known = set(firsts), 0, 0, True
    for start, frame in _frames(data, features):
        if start < end:
            continue
        claimed = _claimed_sequence(frame)
        before = known.get(claimed - 1) if claimed is not None else None
        record = _proven(frame, possible if before is None else {before})
        if record is None or record.facts.sequence <= sequence:
            if not is_of_chain:
                continue
            # Further on, try only the stored hash: otherwise each record would be tried after all earlier ones.
            earlier = possible if is_behind_known else {GENESIS}
            possible = {hash_ for previous in earlier for hash_ in possible_hashes(frame, previous)}
            is_behind_known = False
            continue
        is_of_chain = True
        yield ProvenRecord(start, record)
        possible, end, sequence, is_behind_known = {record.hash}, start + len(frame), record.facts.sequence, True


def _frames(data: bytes, features: int) -> Iterator[tuple[int, memoryview]]:
    """Candidates for complete records, and their positions; they may overlap."""
    view = memoryview(data)
    for start in frame_starts(data, 0, features):
        frame = view[start : start + frame_size(view[start : start + PREFIX_BYTES], features)]
        if start + len(frame) <= len(data) and len(frame) == frame_size(frame, features):
            yield start, frame


def _claimed_sequence(frame: memoryview) -> int | None:
    try:
        return FACTS_DECODER.decode(facts_of(frame)).sequence
    except msgspec.MsgspecError:
        return None


def _proven(frame: memoryview, possible: Iterable[bytes]) -> StoredRecord | None:
    for previous in possible:
        try:
            return read_frame(frame, previous)
        except SpoolError:
            continue
    return None
