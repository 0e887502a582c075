"""The spool's backlog: the chains of all server processes, alive and dead, and the records not yet shipped."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from itertools import count, groupby
from pathlib import Path
from typing import Final, NamedTuple

from serve.prediction_log.adoption import adopt
from serve.prediction_log.batch import Batch, Gathering
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.read_buffer import ReadBuffer
from serve.prediction_log.record_counter import RecordCounter
from serve.prediction_log.segment import (
    OPEN,
    SEALED,
    claimed_bytes,
    is_in_use,
    list_segments,
    segment_paths,
)
from serve.prediction_log.segment_header import SegmentKey
from serve.prediction_log.segment_reader import Rest, SegmentReader
from serve.prediction_log.table import ChainEnd

logger = logging.getLogger(__name__)

GIVE_WAY_BYTES: Final = 128 * 1024
"""Bytes read without a pause while requests may wait for the core."""
MAX_OPEN_SEGMENTS: Final = 256
"""Maximum files read for one batch: an outage at low load leaves thousands of nearly empty files."""
DAMAGED_FOLDER: Final = "damaged"

Segments = dict[SegmentKey, Path]
"""A listing of a spool, each chain's segments in the order of writing."""


class Waiting(NamedTuple):
    """The records that are not in the database yet."""

    records: int
    oldest_at: int | None
    """When the oldest of them was made, microseconds since 1970; None if there are none."""


class Backlog:
    """Reads the unshipped records of a spool, and removes completely shipped segments."""

    def __init__(self, folder: Path, buffer: ReadBuffer | None = None) -> None:
        """Read the spool into `buffer`: a batch's records are valid until the next batch."""
        self._folder = folder
        self._buffer = buffer or ReadBuffer()
        self._readers: dict[SegmentKey, SegmentReader] = {}
        self._counters: dict[SegmentKey, RecordCounter] = {}
        self.committed: dict[uuid.UUID, ChainEnd] = {}
        """The records at the marks, if `next_batch` has passed them."""

    def forget(self) -> None:
        """Discard reading positions: the next `next_batch` begins at the marks."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def look(self) -> Segments:
        """List the spool, and seal segments of dead processes. One listing serves a whole round of shipping."""
        segments = list_segments(self._folder)
        for key, path in segments.items():
            if path.suffix == OPEN:
                try:
                    if not is_in_use(path):
                        segments[key] = adopt(path)
                        logger.warning("adopted %s, which a dead server process left behind", segments[key].name)
                except SpoolError:
                    continue  # unreadable: it is set aside later
                except OSError:
                    continue  # its owner sealed it meanwhile; or the disk is full, and it stays unchanged
        return segments

    def next_batch(self, segments: Segments, marks: Mapping[uuid.UUID, int], max_bytes: int) -> Batch:
        """The oldest records of each chain after its mark, about `max_bytes` in total."""
        self._buffer.reuse()
        gathering = Gathering(max_bytes)
        for chain_id, keys in groupby(segments, key=lambda key: key.chain_id):
            mark = marks.get(chain_id, 0)
            if records := self._unread_of_chain({key: segments[key] for key in keys}, mark, gathering):
                gathering.take(chain_id, mark, records)
            if gathering.size >= max_bytes:
                break
        return gathering.batch()

    def clear_shipped(self, segments: Segments, marks: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
        """Remove sealed segments whose records are all committed, set damaged ones aside; returns the remaining
        chains.
        """
        left = set()
        for key, path in segments.items():
            reader = self._readers.get(key)
            if path.suffix == OPEN or reader is None or _is_ahead(reader, marks.get(key.chain_id, 0)):
                left.add(key.chain_id)
                continue
            if next(reader.records(past_damage=True), None) is not None:
                left.add(key.chain_id)
            elif (rest := reader.rest()) is Rest.DAMAGED:
                self._set_aside(path, reader.missing_records())
            else:
                if rest is Rest.TORN:
                    logger.warning("%s ends in a truncated record, which was never answered", path.name)
                path.unlink(missing_ok=True)
            self._restart(key)
        return left

    def waiting(self, marks: Mapping[uuid.UUID, int], batch: Batch) -> Waiting:
        """The records after the marks, as far as they can be read; `batch` is the part already read."""
        segments = list_segments(self._folder)
        chains = {chain_id: list(keys) for chain_id, keys in groupby(segments, key=lambda key: key.chain_id)}
        self._close_counters(besides={keys[-1] for keys in chains.values()})
        records, made_at = 0, []
        for chain_id, keys in chains.items():
            try:
                mark = marks.get(chain_id, 0) or _first_sequence(segments[keys[0]])
                behind = self._last_sequence(keys[-1], segments[keys[-1]]) - mark
                if behind and (moment := batch.first_at(chain_id) or self._next_at(segments, keys)):
                    made_at.append(moment)
            except (FileNotFoundError, SpoolError):
                continue  # it was renamed, and is found in the next round; or it is damaged, and will be set aside
            records += behind
        return Waiting(records, min(made_at, default=None))

    def spool_bytes(self) -> int:
        """Size of the segments on disk, bytes."""
        return claimed_bytes(self._folder, segment_bytes=0)

    def _unread_of_chain(self, segments: Segments, mark: int, gathering: Gathering) -> list[StoredRecord]:
        """Records of one chain after its mark, as many as fit into the batch."""
        found: list[StoredRecord] = []
        for key, path in segments.items():
            if gathering.size >= gathering.max_bytes:
                break
            reader = self._reader(key, path)
            if reader is None or self._leaves_a_gap(key, reader, mark):
                break  # later records must not be shipped before these
            is_sealed = path.suffix == SEALED
            records, size = self._unread(key, reader, mark, gathering.max_bytes - gathering.size, is_sealed=is_sealed)
            if records:
                found += records
                gathering.size += size
                mark = records[-1].facts.sequence
        return found

    def _last_sequence(self, key: SegmentKey, path: Path) -> int:
        if key not in self._counters:
            self._counters[key] = RecordCounter(path)
        return self._counters[key].last_sequence()

    def _next_at(self, segments: Segments, keys: Iterable[SegmentKey]) -> int | None:
        """When the next unread record of a chain's segments was made."""
        for key in keys:
            with ExitStack() as opened:
                reader = self._readers.get(key) or opened.enter_context(closing(SegmentReader(segments[key])))
                if moment := reader.next_recorded_at():
                    return moment
        return None

    def _close_counters(self, besides: Iterable[SegmentKey]) -> None:
        for key in self._counters.keys() - set(besides):
            self._counters.pop(key).close()

    def _reader(self, key: SegmentKey, path: Path) -> SegmentReader | None:
        """None if the segment can't be read in this round."""
        if key not in self._readers:
            if len(self._readers) >= MAX_OPEN_SEGMENTS:
                return None
            try:
                self._readers[key] = SegmentReader(path)
            except FileNotFoundError:
                return None  # sealed meanwhile: it is found under its new name in the next round
            except SpoolError:
                self._set_aside(path)
                return None
        return self._readers[key]

    def _leaves_a_gap(self, key: SegmentKey, reader: SegmentReader, mark: int) -> bool:
        """Whether the previous segment exists and is not read to its end. A damaged segment is set aside once all its
        readable records are shipped; then the chain continues after it.
        """
        if reader.first_sequence <= mark + 1:
            return False
        before = SegmentKey(key.chain_id, key.number - 1)
        return any(path.exists() for path in segment_paths(self._folder, before))

    def _unread(
        self, key: SegmentKey, reader: SegmentReader, mark: int, max_bytes: int, *, is_sealed: bool
    ) -> tuple[list[StoredRecord], int]:
        """Records after the mark, and the bytes read for them."""
        begun = reader.offset
        give_way_at = begun + GIVE_WAY_BYTES
        records = []
        for record in reader.records(self._buffer, past_damage=is_sealed):
            if reader.offset >= give_way_at:
                os.sched_yield()
                give_way_at = reader.offset + GIVE_WAY_BYTES
            if record.facts.sequence > mark:
                records.append(record)
            elif record.facts.sequence == mark:
                self.committed[key.chain_id] = ChainEnd(key.chain_id, mark, record.hash)
            if reader.offset - begun >= max_bytes:
                break
        return records, reader.offset - begun

    def _restart(self, key: SegmentKey) -> None:
        self._readers.pop(key).close()

    def _set_aside(self, path: Path, missing: int | None = None) -> None:
        folder = self._folder / DAMAGED_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        path.rename(_free_place(folder / path.name))
        lost = "what" if missing is None else f"{missing} of its records"
        logger.critical(
            "%s is damaged: %s can't be read; it was moved to %s, see `python -m serve.audit salvage`",
            path.name,
            lost,
            folder,
        )


def _is_ahead(reader: SegmentReader, mark: int) -> bool:
    """Whether uncommitted records were read; with none read, a damaged header may state any number."""
    return bool(reader.count) and reader.sequence > mark


def _free_place(path: Path) -> Path:
    """This path, or a free one beside it if it exists, so that files set aside earlier are kept."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in count(1))
    return path if not path.exists() else next(other for other in numbered if not other.exists())


def _first_sequence(path: Path) -> int:
    """The number before a segment's first record."""
    with closing(SegmentReader(path)) as reader:
        return reader.sequence
