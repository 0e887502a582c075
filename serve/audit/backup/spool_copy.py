"""The local part of a backup: spool, anchors, answers by idempotency key, and recorded answers of streams."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from serve.audit.backup.manifest import File, copy_all, measure
from serve.idempotency import answers as keys
from serve.idempotency.store_key import KEY_FILE
from serve.prediction_log.anchors import FOLDER as ANCHORS_FOLDER
from serve.prediction_log.segment import (
    OPEN,
    OWNER_ONLY,
    SEALED,
    STAGING,
    list_segments,
    make_folder,
    strays,
)
from serve.prediction_log.segment_header import SegmentKey
from serve.stream import recorded_answers as streams

_OF_PROCESSES: Final = (".lock", STAGING)
"""Extensions of files that only matter to running processes."""
_ANSWERS: Final = {keys.FOLDER: keys.DATABASE_FILE, streams.FOLDER: streams.DATABASE_FILE}
"""SQLite files of answers, by folder below the spool. The folder also has the key of the file's digests."""


class SpoolCopy:
    """Copies a spool in two steps, so that shipping is stopped only briefly."""

    def __init__(self, spool: Path, target: Path) -> None:
        """Copies nothing yet."""
        self._spool = spool
        self._target = target
        self._segments: set[SegmentKey] = set()
        self._files: dict[Path, File] = {}
        make_folder(target)

    def copy_sealed(self) -> None:
        """Copy the sealed segments; records shipped meanwhile are skipped after a restore.

        Raises:
            AuditError: a file can't be read.
        """
        self._copy_segments({key: path for key, path in self._list().items() if path.suffix == SEALED})

    def copy_rest(self) -> dict[Path, File]:
        """Copy the rest while shipping is stopped; returns all files of the copy.

        Raises:
            AuditError: a file can't be read.
        """
        for folder, name in _ANSWERS.items():
            self._copy_answers(self._spool / folder / name)
        wanted = self._list().keys() - self._segments
        while wanted:
            listed = self._list()
            # A segment sealed meanwhile has another name now; the records of a removed one are committed and anchored.
            wanted &= listed.keys()
            self._copy_segments({key: path for key, path in listed.items() if key in wanted})
            wanted -= self._segments
        anchors = self._spool / ANCHORS_FOLDER
        self._copy(path for path in self._others() if path.parent != anchors)
        self._copy(path for path in self._others() if path.parent == anchors)
        return self._files

    def _list(self) -> dict[SegmentKey, Path]:
        return list_segments(self._spool) if self._spool.is_dir() else {}

    def _copy_segments(self, segments: dict[SegmentKey, Path]) -> None:
        for key, path in segments.items():
            if self._copy([path]):
                self._segments.add(key)

    def _copy(self, paths: Iterable[Path]) -> bool:
        """Whether any of them was there."""
        copied = copy_all({path: self._target / path.relative_to(self._spool) for path in paths})
        self._files |= copied
        return bool(copied)

    def _others(self) -> list[Path]:
        """Files that are neither segments nor a process's: anchors, files set aside, strays. A segment begun after
        `wanted` was listed must not be included: the one before it may be copied only in part.
        """
        found = strays(self._spool)
        for folder, folders, names in os.walk(self._spool):
            left = [name for name in names if not name.endswith(_OF_PROCESSES)]
            if Path(folder) == self._spool:
                folders[:] = [name for name in folders if name not in _ANSWERS]
                left = [name for name in left if not name.endswith((OPEN, SEALED))]
            found += [Path(folder) / name for name in left]
        return sorted(set(found))

    def _copy_answers(self, source: Path) -> None:
        """Copy by SQLite's backup, since the file is in use. The owners of answers are dropped: they mean nothing
        elsewhere.
        """
        if not source.exists():
            return
        target = self._target / source.relative_to(self._spool)
        make_folder(target.parent)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
        with (
            contextlib.closing(sqlite3.connect(source)) as live,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # a single file, complete without a second one
        self._files[target] = measure(target)
        self._copy([source.with_name(KEY_FILE)])
