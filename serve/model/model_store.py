"""Verified local copies of models, so that a server starts and restarts without a registry.

Layout: `<root>/<version>/model.onnx` with `manifest.json` beside it, and `<root>/current.json` naming the version to
serve. A version's folder appears as a whole or not at all, and what is on disk is trusted only as far as its SHA-256.
Nobody else reads these files: the store hands out the bytes that it verified, whatever becomes of the file since.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from fraud.errors import ProjectError
from fraud.registry import MODEL_FILE
from serve.engine import ModelFile, read_model
from serve.engine.errors import ModelMissingError

logger = logging.getLogger(__name__)

MANIFEST_FILE: Final = "manifest.json"
CURRENT_FILE: Final = "current.json"
LOCK_FILE: Final = "lock"


class ModelStoreError(ProjectError):
    """A model's files are not what its manifest says."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a server needs to know of a model version."""

    model_name: str
    model_version: int
    sha256: str
    data_cutoff_date: dt.date


class Current(msgspec.Struct, frozen=True):
    """Which version is served."""

    model_version: int


class ModelStore:
    """The local copies under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def current(self) -> tuple[Manifest, ModelFile] | None:
        """The version that was served last and its verified bytes; None when there is none that can be trusted."""
        pointer = self._root / CURRENT_FILE
        if not pointer.exists():
            return None
        try:
            version = msgspec.json.decode(pointer.read_bytes(), type=Current).model_version
            return self.get(version)
        except (OSError, msgspec.MsgspecError, ModelStoreError, ModelMissingError) as error:
            logger.error("the local model can't be used, the registry is asked instead: %s", error)
            return None

    def get(self, version: int) -> tuple[Manifest, ModelFile]:
        """Manifest and verified bytes of a version.

        Raises:
            ModelStoreError: the file's SHA-256 is not the manifest's.
            ModelMissingError: there is no file.
        """
        folder = self._folder(version)
        manifest = msgspec.json.decode((folder / MANIFEST_FILE).read_bytes(), type=Manifest)
        model = read_model(folder / MODEL_FILE)
        _verify(model, manifest)
        return manifest, model

    def add(self, manifest: Manifest, fetch: Callable[[], bytes]) -> None:
        """Fetch a version's bytes into the store, unless it has them, and verify them.

        Raises:
            ModelStoreError: what was fetched has another SHA-256; the store is as before.
        """
        folder = self._folder(manifest.model_version)
        with self.alone(), tempfile.TemporaryDirectory(dir=self._root, prefix="incoming-") as incoming:
            if self._holds(manifest):
                return
            staging = Path(incoming) / "version"
            staging.mkdir()
            model = ModelFile.of(staging / MODEL_FILE, fetch())
            _verify(model, manifest)
            model.path.write_bytes(model.content)
            (staging / MANIFEST_FILE).write_bytes(msgspec.json.encode(manifest))
            if folder.exists():
                shutil.rmtree(folder)
            staging.replace(folder)

    def make_current(self, version: int) -> None:
        """Serve this version after the next start too."""
        staging = self._root / f"{CURRENT_FILE}.{os.getpid()}"
        staging.write_bytes(msgspec.json.encode(Current(version)))
        staging.replace(self._root / CURRENT_FILE)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out for the block: they may want to bring in, or measure, the same version."""
        with (self._root / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _holds(self, manifest: Manifest) -> bool:
        try:
            found, _ = self.get(manifest.model_version)
        except (OSError, msgspec.MsgspecError, ModelStoreError, ModelMissingError):
            return False
        return found == manifest

    def _folder(self, version: int) -> Path:
        return self._root / str(version)


def model_store(run_dir: Path, model_name: str) -> ModelStore:
    """The store of this machine's copies of one registered model."""
    return ModelStore(run_dir / "models" / model_name)


def _verify(model: ModelFile, manifest: Manifest) -> None:
    if model.sha256 != manifest.sha256:
        raise ModelStoreError(
            f"{model.path} has SHA-256 {model.sha256}, but version {manifest.model_version} of {manifest.model_name} "
            f"was registered with {manifest.sha256}: it is damaged or was changed, and is not loaded"
        )
