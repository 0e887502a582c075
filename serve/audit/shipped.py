"""The wait for the shipper, for commands that read the record and erase nothing of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from serve.audit.errors import AuditError
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.record_counter import RecordCounter
from serve.prediction_log.segment import list_segments

POLL_INTERVAL_S: Final = 0.05


def wait_until_anchored(spool: Path, timeout_s: float) -> None:
    """Return once every record that was in the spool is in PostgreSQL and anchored.

    `serve.audit.erasure.wait_for_spool` also waits until the files are gone, which takes up to half a minute more.

    Raises:
        AuditError: not within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    anchors = Anchors(spool)
    waiting: dict[uuid.UUID, int | None] = dict.fromkeys(_newest_segments(spool))
    while True:
        newest = _newest_segments(spool)
        known = {
            chain_id: _last_sequence(newest[chain_id]) if last is None else last
            for chain_id, last in waiting.items()
            if chain_id in newest  # else all of the chain was shipped and removed
        }
        waiting = {chain_id: last for chain_id, last in known.items() if not _is_shipped(anchors, chain_id, last)}
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise AuditError(
                f"records of {len(waiting)} server processes are not shipped after {timeout_s:g} s: start the server, "
                "and see to it that PostgreSQL answers; then run this again"
            )
        time.sleep(POLL_INTERVAL_S)


def _newest_segments(spool: Path) -> Mapping[uuid.UUID, Path]:
    """The segment of each chain that was begun last."""
    if not spool.exists():
        return {}
    return {key.chain_id: path for key, path in list_segments(spool).items()}


def _last_sequence(segment: Path) -> int | None:
    """The number of the chain's last record; None where the file is sealed or set aside just now."""
    try:
        with closing(RecordCounter(segment)) as counter:
            return counter.last_sequence()
    except (FileNotFoundError, SpoolError):
        return None


def _is_shipped(anchors: Anchors, chain_id: uuid.UUID, last: int | None) -> bool:
    if last is None:
        return False
    try:
        anchor = anchors.of(chain_id)
    except SpoolError:
        return False  # the shipper replaces it with its next record
    return last <= (0 if anchor is None else anchor.sequence)
