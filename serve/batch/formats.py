"""File formats, by the extensions of file names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """The format of a file's content."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


@dataclass(frozen=True, slots=True)
class Format:
    """A file's content and the compression of the whole file; "" if there is none."""

    kind: Kind
    compression: str = ""


FORMATS: Final = MappingProxyType(
    {
        ".csv": Format(Kind.CSV),
        ".csv.gz": Format(Kind.CSV, "gzip"),
        ".csv.zst": Format(Kind.CSV, "zstd"),
        ".parquet": Format(Kind.PARQUET),
        ".arrow": Format(Kind.ARROW),
    }
)
EXPECTED: Final = f"expected a name that ends with {', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]}"


def extension_of(name: str) -> str | None:
    """The extension of a name that tells its format; None if it is unknown."""
    return next((extension for extension in FORMATS if name.lower().endswith(extension)), None)
