"""A damaged file set aside by the shipper, and its own claims: name, header, end mark."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fraud.features import FEATURE_COUNT
from serve.prediction_log.chain import GENESIS, beginning
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.provable import ProvenRecord
from serve.prediction_log.segment import key_of, open_file
from serve.prediction_log.segment_header import HEADER_BYTES, SegmentStart, read_end, read_start
from serve.prediction_log.segment_reader import Rest, SegmentReader


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """The file as it is."""

    data: bytes
    named: uuid.UUID | None
    """The chain in its name."""
    start: SegmentStart | None
    """The start in its header; None if that can't be read."""
    last: int | None
    """The number of its last record, by its end mark; None if unknown."""

    @property
    def chain_ids(self) -> Sequence[uuid.UUID]:
        """Chains that it may belong to."""
        given = (self.named, None if self.start is None else self.start.key.chain_id)
        return list(dict.fromkeys(chain_id for chain_id in given if chain_id is not None))

    @property
    def widths(self) -> Sequence[int]:
        """Possible numbers of features in each row: those declared now, or fewer."""
        return range(FEATURE_COUNT, 0, -1) if self.start is None else (self.start.features,)

    @property
    def hash_before(self) -> bytes | None:
        """The hash of the record before its first one, by the header."""
        return None if self.start is None else self.start.previous_hash

    @property
    def is_unsure(self) -> bool:
        """Whether its header has no checksum, so that its start may be wrong."""
        return self.start is not None and not self.start.has_end_mark

    def firsts(self, chain_id: uuid.UUID) -> set[bytes]:
        """Candidates for the record before its first one in that chain."""
        trusted = {self.start.previous_hash} if self.start is not None and self.is_of(chain_id) else set()
        return {beginning(chain_id), GENESIS} | trusted

    def held(self, chain_id: uuid.UUID, proven: Sequence[ProvenRecord]) -> range | None:
        """The numbers of its original records, if it belongs to that chain; None if unknown."""
        if self.last is None:
            return None
        if self.is_of(chain_id) and self.start is not None:
            return range(self.start.previous_sequence + 1, self.last + 1)
        if proven and proven[0].offset == HEADER_BYTES:
            return range(proven[0].record.facts.sequence, self.last + 1)
        return None

    def is_of(self, chain_id: uuid.UUID) -> bool:
        """Whether it certainly belongs to that chain, by a valid header and its name."""
        return self.start is not None and list(self.chain_ids) == [chain_id]


def read_damaged(path: Path) -> DamagedFile:
    """Read the file.

    Raises:
        SpoolError: it is not a regular file, or can't be read.
    """
    key = key_of(path.name) or key_of(path.stem)
    start, last = None, None
    with os.fdopen(open_file(path), "rb") as file:
        data = file.read()
        with contextlib.suppress(SpoolError):
            start = read_start(file.fileno())
        with contextlib.suppress(SpoolError):
            last = _last_of_unmarked(path) if start and not start.has_end_mark else _last_by_mark(file.fileno())
    return DamagedFile(data, None if key is None else key.chain_id, start, last)


def _last_by_mark(descriptor: int) -> int | None:
    end = read_end(descriptor)
    return None if end is None else end.sequence


def _last_of_unmarked(path: Path) -> int | None:
    """The original content of a file without end mark is unknown, unless all of it is valid."""
    with closing(SegmentReader(path)) as reader:
        for _ in reader.records():
            continue
        return None if reader.rest() is Rest.DAMAGED else reader.sequence
