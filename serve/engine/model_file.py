"""A model file, read once: the bytes that are verified are those that are loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from serve.engine.errors import ModelMissingError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The bytes of a model and their SHA-256 in hex.

    `path` names them in errors and says where the plan is kept; nobody who has the bytes reads it again, since another
    file may lie there by then.
    """

    path: Path
    content: bytes
    sha256: str

    @classmethod
    def of(cls, path: Path, content: bytes) -> ModelFile:
        """Bytes that are in memory, whether or not a file holds them too."""
        return cls(path, content, hashlib.sha256(content).hexdigest())


def read_model(path: Path) -> ModelFile:
    """Read a file.

    Raises:
        ModelMissingError: it is not there or can't be read.
    """
    try:
        return ModelFile.of(path, path.read_bytes())
    except OSError as error:
        raise ModelMissingError(path, error.strerror or type(error).__name__) from error
