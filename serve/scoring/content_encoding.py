"""Content encodings (RFC 9110, section 8.4): decompression of bodies within a limit, and compression of answers."""

from __future__ import annotations

import functools
import gzip
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import zstandard

from serve.errors import MalformedBody, UnsupportedEncoding
from serve.scoring.body_headers import too_large

IDENTITY: Final = ""

_GZIP_WINDOW_BITS: Final = 31
_ZLIB_WINDOW_BITS: Final = 15
_ZSTD_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024
"""The largest window of an HTTP content encoding (RFC 9659); a frame may demand 2 GiB."""

_FASTEST_LEVEL: Final = 1
"""Higher levels take many times as long and save little on probabilities, which look random."""
WORTH_COMPRESSING_BYTES: Final = 1024
"""Minimum length for compression of inference protocol answers, if requested."""
WORTH_COMPRESSING_JSON_BYTES: Final = 128 * 1024
"""Minimum length for other protocols, whose clients request compression by default: about 10,000 probabilities."""


def content_encoding_of(headers: Mapping[str, str]) -> str:
    """The body's compression; `IDENTITY` if there is none.

    Raises:
        UnsupportedEncoding: an unknown encoding, or several at once.
    """
    encoding = headers.get("content-encoding", IDENTITY).strip().lower()
    if encoding in {IDENTITY, "identity"}:
        return IDENTITY
    encoding = "gzip" if encoding == "x-gzip" else encoding
    if encoding not in _INFLATERS:
        raise UnsupportedEncoding(f"content encoding {encoding!r}: expected one of {', '.join(_INFLATERS)}, or none")
    return encoding


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The decompressed body; at most `max_bytes` + 1 bytes are ever produced.

    Raises:
        BodyTooLarge: it is longer than `max_bytes`.
        MalformedBody: not in this encoding, cut off, or followed by other data.
    """
    return body if encoding == IDENTITY else _INFLATERS[encoding](body, max_bytes)


def accepted_encoding(headers: Mapping[str, str]) -> str:
    """The fastest supported encoding of those in Accept-Encoding; `IDENTITY` if there is none."""
    given = headers.get("accept-encoding")
    return _accepted(given.lower()) if given else IDENTITY


@functools.lru_cache
def _accepted(given: str) -> str:
    items = [item.replace(" ", "").partition(";q=") for item in given.split(",")]
    accepted = {name for name, _, weight in items if weight not in {"0", "0.0", "0.00", "0.000"}}
    return next((name for name in _DEFLATERS if name in accepted), IDENTITY)


def is_worth_compressing(content: bytes) -> bool:
    """Whether a JSON answer is so long that sending it takes longer than compressing it."""
    return len(content) >= WORTH_COMPRESSING_JSON_BYTES


def compress(content: bytes, encoding: str) -> bytes:
    """The answer in an encoding from `accepted_encoding`."""
    return content if encoding == IDENTITY else _DEFLATERS[encoding](content)


def _inflate_gzip(body: bytes, max_bytes: int) -> bytes:
    return _inflate_zlib(body, max_bytes, _GZIP_WINDOW_BITS)


def _inflate_deflate(body: bytes, max_bytes: int) -> bytes:
    return _inflate_zlib(body, max_bytes, _ZLIB_WINDOW_BITS)


def _inflate_zlib(body: bytes, max_bytes: int, window_bits: int) -> bytes:
    stream = zlib.decompressobj(window_bits)
    try:
        content = stream.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise MalformedBody(f"the body can't be decompressed: {error}") from None
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    if not stream.eof or stream.unused_data:
        raise MalformedBody("the compressed body is cut off, or other data follows it")
    return content


def _inflate_zstd(body: bytes, max_bytes: int) -> bytes:
    inflater = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES)
    try:
        announced = zstandard.frame_content_size(body)
        if announced > max_bytes:
            raise too_large(max_bytes)
        # One byte beyond the limit distinguishes a frame that is too long from one that ends there; -1 announces
        # nothing.
        with inflater.stream_reader(body, read_across_frames=False) as stream:
            content = stream.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise too_large(max_bytes)
        # The reader does not report a truncated frame; this does, and is bounded by what was just read.
        return inflater.decompress(body, max_output_size=max(len(content), 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise MalformedBody(f"the body can't be decompressed: {error}") from None


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, _FASTEST_LEVEL, mtime=0)


def _zstd(content: bytes) -> bytes:
    return zstandard.compress(content, _FASTEST_LEVEL)


def _deflate(content: bytes) -> bytes:
    return zlib.compress(content, _FASTEST_LEVEL)


_INFLATERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = MappingProxyType(
    {"gzip": _inflate_gzip, "deflate": _inflate_deflate, "zstd": _inflate_zstd}
)
_DEFLATERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {"zstd": _zstd, "gzip": _gzip, "deflate": _deflate}
)
