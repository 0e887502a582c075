"""The spool: a server process writes each record here before it sends the answer, so that it survives the process.

One `writev` for each record puts it into the operating system's page cache, which survives `kill -9`; `Sync` says when
it is also synced to disk. Space is claimed by whole segments over all processes of the machine, so the limit is exact
and costs a request nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Final

from fraud.features import FEATURE_COUNT
from serve.errors import PredictionLogFull
from serve.prediction_log.chain import beginning
from serve.prediction_log.frame import Content, Frame, build_frame
from serve.prediction_log.record import PredictionRecord, Promise, RecordPlace
from serve.prediction_log.segment import OpenSegment, claim, claimed_bytes, make_folder
from serve.prediction_log.segment_header import HEADER_BYTES, SegmentKey, SegmentStart

logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 16 * 1024 * 1024
SEGMENT_AGE_S: Final = 30.0
"""Age at which a segment is sealed even if it is not full, so that it can be removed once shipped."""
FLUSH_INTERVAL_S: Final = 0.1
REFUSAL_S: Final = 0.1
"""Time after a refusal before space is checked again, so that refusing is cheap."""


class Sync(StrEnum):
    """When a record is synced to disk; in each case the operating system has it before the answer is sent."""

    OS = "os"
    INTERVAL = "interval"
    ALWAYS = "always"


class Spool:
    """The spool, from one process; appending is thread-safe."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        sync: Sync,
        segment_bytes: int = SEGMENT_BYTES,
        segment_age_s: float = SEGMENT_AGE_S,
    ) -> None:
        """`max_bytes` is the limit of all processes of the machine together; the others define the size and age of
        segments.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._chain_id = uuid.uuid4()
        self._number = 0
        self._sequence = 0
        self._head = beginning(self._chain_id)
        self._recorded_at = 0
        self._segment: OpenSegment | None = None
        self._opened_at = 0.0
        self._full: list[OpenSegment] = []
        self._synced = 0
        self._refuse_until = 0.0
        self._refusal = ""
        self._fault: OSError | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._flush_until_stopped, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Create the folder and start the thread that syncs records to disk.

        Raises:
            OSError: the folder can't be created.
        """
        make_folder(self._folder)
        self._thread.start()

    @property
    def waits_for_disk(self) -> bool:
        """Whether `append` waits for the disk, so that it should not be called on an event loop."""
        return self._sync is Sync.ALWAYS

    def append(self, record: PredictionRecord, promise: Promise | None = None) -> None:
        """Append a record to the chain; it is durable, as far as `Sync` promises, when this returns. `promise` is
        called with the place that the record will take, and may refuse it by raising an error.

        Raises:
            PredictionLogFull: the spool is full or the disk does not accept the record; nothing of it is stored.
        """
        content = Content.of(record)
        with self._changed:
            self._refuse_if_unusable()
            # A clock set back must not date a record before its predecessor, since partitions are dropped as a whole.
            recorded_at = max(time.time_ns() // 1000, self._recorded_at)
            frame = build_frame(content, self._sequence + 1, recorded_at, self._head)
            if promise is not None:
                promise(RecordPlace(self._chain_id, self._sequence + 1))
            self._write(frame)
            self._sequence += 1
            self._head = frame.hash
            self._recorded_at = recorded_at
            if self._sync is Sync.ALWAYS:
                self._wait_for_disk(self._sequence)

    def stop(self) -> None:
        """Seal open segments and end the thread; everything stays on disk for the shipper."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _refuse_if_unusable(self) -> None:
        if self._fault is not None:
            raise PredictionLogFull(f"the disk of the prediction log has failed ({self._fault.strerror})")
        if time.monotonic() < self._refuse_until:
            raise PredictionLogFull(self._refusal)

    def _refusing(self, reason: str) -> PredictionLogFull:
        self._refusal = f"{reason}: try again later"
        self._refuse_until = time.monotonic() + REFUSAL_S
        return PredictionLogFull(self._refusal)

    def _write(self, frame: Frame) -> None:
        try:
            self._segment_for(frame.size).write(frame.buffers, frame.size)
        except OSError as error:
            logger.error("the prediction log can't be written: %s", error.strerror)
            raise self._refusing(f"the disk accepts no more records ({error.strerror})") from error

    def _segment_for(self, size: int) -> OpenSegment:
        """The segment for a frame of this size: the open one, or a new one if the limit allows it."""
        segment = self._segment
        if segment is not None:
            if segment.size + size <= self._segment_bytes:
                return segment
            self._set_aside(segment)
        start = SegmentStart(SegmentKey(self._chain_id, self._number), self._sequence, self._head, FEATURE_COUNT)
        needed = max(self._segment_bytes, HEADER_BYTES + size)
        with claim(self._folder):
            if claimed_bytes(self._folder, self._segment_bytes) + needed > self._max_bytes:
                raise self._refusing("too many predictions wait for the database")
            self._segment = OpenSegment(self._folder, start)
        self._number += 1
        self._opened_at = time.monotonic()
        return self._segment

    def _set_aside(self, segment: OpenSegment) -> None:
        segment.last = self._sequence, self._head
        self._full.append(segment)
        self._segment = None

    def _wait_for_disk(self, sequence: int) -> None:
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._synced >= sequence or self._fault is not None)
        self._refuse_if_unusable()

    def _flush_until_stopped(self) -> None:
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(self._flush_is_due, FLUSH_INTERVAL_S)
            self._flush()
        with self._changed:
            if self._segment is not None:
                self._set_aside(self._segment)
        self._flush()

    def _flush_is_due(self) -> bool:
        return self._stopping or (self._sync is Sync.ALWAYS and self._synced < self._sequence)

    def _flush(self) -> None:
        """Sync everything appended before this call, and seal full or old segments."""
        with self._changed:
            if self._segment is not None and time.monotonic() - self._opened_at > self._segment_age_s:
                self._set_aside(self._segment)
            full, self._full = self._full, []
            segment, sequence = self._segment, self._sequence
        for finished in full:
            finished.mark_end()
        try:
            if self._sync is not Sync.OS and sequence > self._synced:
                # Only this thread closes segments, so these descriptors stay valid.
                for written in (*full, *([segment] if segment else ())):
                    os.fdatasync(written.descriptor)
            for finished in full:
                finished.seal()
        except OSError as error:
            # After a failed sync the data may be lost from the page cache too (fsync(2)), so nothing after it is safe.
            logger.critical("the prediction log can't be synced to disk, so no more requests are answered: %s", error)
            self._fault = error
        with self._changed:
            self._synced = sequence
            self._changed.notify_all()
