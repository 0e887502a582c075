"""A model file, read once, so that the verified bytes are the loaded bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from serve.engine.errors import ModelMissingError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The bytes of a model and their SHA-256 in hex.

    `path` is only used in errors and as the place of the plan; the file is never read again, since it may have been
    replaced.
    """

    path: Path
    content: bytes
    sha256: str

    @classmethod
    def of(cls, path: Path, content: bytes) -> ModelFile:
        """A model from bytes in memory, whether or not a file exists."""
        return cls(path, content, hashlib.sha256(content).hexdigest())


def read_model(path: Path) -> ModelFile:
    """Read a file.

    Raises:
        ModelMissingError: it does not exist or can't be read.
    """
    try:
        return ModelFile.of(path, path.read_bytes())
    except OSError as error:
        raise ModelMissingError(path, error.strerror or type(error).__name__) from error
