"""Verified local copies of models, so that a server can start without a registry.

Layout: `<root>/<version>/model.onnx` with `manifest.json` and, if the version has them, its tables of contributions;
and `<root>/current.json` naming the version to serve. A version's folder appears atomically, and files are trusted only
if their SHA-256 matches. Only the store reads these files: it returns the bytes that it verified, regardless of later
changes to the file.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from fraud.errors import ProjectError
from fraud.registry import CONTRIBUTIONS_FILE, MODEL_FILE
from serve.engine import ModelFile, read_model
from serve.engine.errors import ModelMissingError

logger = logging.getLogger(__name__)

MANIFEST_FILE: Final = "manifest.json"
CURRENT_FILE: Final = "current.json"
CONFIRMED_FILE: Final = "confirmed"
"""Empty file; its modification time is the registry's last confirmation of the current version."""
LOCK_FILE: Final = "lock"


class ModelStoreError(ProjectError):
    """A model's files do not match its manifest."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The facts about a model version that a server needs."""

    model_name: str
    model_version: int
    sha256: str
    data_cutoff_date: dt.date
    contributions_sha256: str | None = None
    """SHA-256 of the tables of contributions; None for a version without."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The verified files of a version."""

    manifest: Manifest
    model: ModelFile
    contributions: bytes | None


class Current(msgspec.Struct, frozen=True):
    """The version that is served."""

    model_version: int


class ModelStore:
    """The local copies under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def current(self) -> StoredModel | None:
        """The version served last, verified; None if there is none that can be trusted."""
        pointer = self._root / CURRENT_FILE
        if not pointer.exists():
            return None
        try:
            version = msgspec.json.decode(pointer.read_bytes(), type=Current).model_version
            return self.get(version)
        except (OSError, msgspec.MsgspecError, ModelStoreError, ModelMissingError) as error:
            logger.error("the local model can't be used, asking the registry instead: %s", error)
            return None

    def get(self, version: int) -> StoredModel:
        """The verified files of a version.

        Raises:
            ModelStoreError: a file's SHA-256 does not match the manifest.
            ModelMissingError: a file is missing.
        """
        folder = self._folder(version)
        manifest = msgspec.json.decode((folder / MANIFEST_FILE).read_bytes(), type=Manifest)
        model = read_model(folder / MODEL_FILE)
        _verify(model, manifest.sha256, manifest)
        if manifest.contributions_sha256 is None:
            return StoredModel(manifest, model, None)
        tables = read_model(folder / CONTRIBUTIONS_FILE)
        _verify(tables, manifest.contributions_sha256, manifest)
        return StoredModel(manifest, model, tables.content)

    def holds(self, version: int) -> bool:
        """Whether the store has the verified files of a version."""
        try:
            self.get(version)
        except (OSError, msgspec.MsgspecError, ModelStoreError, ModelMissingError):
            return False
        return True

    def add(
        self,
        manifest: Manifest,
        fetch: Callable[[], bytes],
        fetch_contributions: Callable[[], bytes | None] | None = None,
    ) -> None:
        """Fetch a version's bytes into the store, unless it has them, and verify them; with its tables of
        contributions, if the manifest names them.

        Raises:
            ModelStoreError: the fetched bytes have another SHA-256; the store is unchanged.
        """
        folder = self._folder(manifest.model_version)
        with self.alone(), tempfile.TemporaryDirectory(dir=self._root, prefix="incoming-") as incoming:
            if self._holds(manifest):
                return
            staging = Path(incoming) / "version"
            staging.mkdir()
            _bring(ModelFile.of(staging / MODEL_FILE, fetch()), manifest.sha256, manifest)
            if manifest.contributions_sha256 is not None:
                tables = (fetch_contributions() if fetch_contributions is not None else None) or b""
                _bring(ModelFile.of(staging / CONTRIBUTIONS_FILE, tables), manifest.contributions_sha256, manifest)
            (staging / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
            if folder.exists():
                shutil.rmtree(folder)
            staging.replace(folder)

    def make_current(self, version: int) -> None:
        """Make this the version to serve after the next start."""
        staging = self._root / f"{CURRENT_FILE}.{os.getpid()}"
        staging.write_bytes(msgspec.json.encode(Current(version)))
        staging.replace(self._root / CURRENT_FILE)

    def confirm(self) -> None:
        """Note that the registry has just confirmed the current version."""
        (self._root / CONFIRMED_FILE).touch()

    def unconfirmed_s(self) -> float:
        """Time since the last confirmation noted by any process, seconds; infinite if there was none."""
        try:
            noted = (self._root / CONFIRMED_FILE).stat().st_mtime
        except FileNotFoundError:
            return math.inf
        return max(0.0, time.time() - noted)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the store for the block, since other processes may want to fetch or measure the same version."""
        with (self._root / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _holds(self, manifest: Manifest) -> bool:
        try:
            found = self.get(manifest.model_version).manifest
        except (OSError, msgspec.MsgspecError, ModelStoreError, ModelMissingError):
            return False
        return found == manifest

    def _folder(self, version: int) -> Path:
        return self._root / str(version)


def model_store(run_dir: Path, model_name: str) -> ModelStore:
    """The store of this machine's copies of one registered model."""
    return ModelStore(run_dir / "models" / model_name)


def _bring(file: ModelFile, sha256: str, manifest: Manifest) -> None:
    """Write a verified file to its path."""
    _verify(file, sha256, manifest)
    file.path.write_bytes(file.content)


def _verify(file: ModelFile, sha256: str, manifest: Manifest) -> None:
    if file.sha256 != sha256:
        raise ModelStoreError(
            f"{file.path} has SHA-256 {file.sha256}, but version {manifest.model_version} of {manifest.model_name} "
            f"was registered with {sha256}: it is damaged or was changed, so it is not loaded"
        )
