"""Compressed bodies come out as they went in, and none of them takes more memory than the limit allows."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.errors import BodyTooLarge, MalformedBody, ServeError, UnsupportedEncoding
from serve.scoring.content_encoding import accepted_encoding, compress, content_encoding_of, inflate

LIMIT = 1_000_000


def zstd_unannounced(content: bytes) -> bytes:
    """A frame that does not say how long its content is, as streaming writers make them."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


def zstd_announcing(size: int) -> bytes:
    """A frame whose header announces `size` bytes; RFC 8878, section 3.1.1.1."""
    return b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little") + b"\x01\x00\x00"


def zstd_with_window(exponent: int) -> bytes:
    """A frame that asks for a window of 2^(10 + exponent) bytes and holds one empty block."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([exponent << 3]) + b"\x01\x00\x00"


COMPRESSORS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd of unknown length": ("zstd", zstd_unannounced),
}
every_encoding = pytest.mark.parametrize("name", COMPRESSORS)


@every_encoding
@pytest.mark.parametrize("content", [b"", b"x", b"abc" * 5000, b"\0" * LIMIT], ids=["none", "a byte", "text", "all"])
def test_a_compressed_body_is_restored(name: str, content: bytes) -> None:
    encoding, squeeze = COMPRESSORS[name]
    assert inflate(squeeze(content), encoding, LIMIT) == content


@every_encoding
@pytest.mark.parametrize("size", [LIMIT + 1, 200 * LIMIT])
def test_a_bomb_is_refused_and_never_inflated_beyond_the_bound(name: str, size: int) -> None:
    encoding, squeeze = COMPRESSORS[name]
    bomb = squeeze(bytes(size))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            inflate(bomb, encoding, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT
    finally:
        tracemalloc.stop()


@every_encoding
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda body: body[:-1], id="cut off at the end"),
        pytest.param(lambda body: body[: len(body) // 2], id="cut off in the middle"),
        pytest.param(lambda body: b"", id="nothing"),
        pytest.param(lambda body: body + b"x", id="a byte too many"),
        pytest.param(lambda body: body + body, id="twice"),
        pytest.param(lambda body: b'{"instances": []}', id="not compressed"),
    ],
)
def test_a_broken_stream_is_refused(name: str, damage: Callable[[bytes], bytes]) -> None:
    encoding, squeeze = COMPRESSORS[name]
    with pytest.raises(MalformedBody):
        inflate(damage(squeeze(bytes(range(256)) * 20)), encoding, LIMIT)


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        pytest.param(zstd_announcing(2**50), BodyTooLarge, id="announces a petabyte"),
        pytest.param(zstd_announcing(LIMIT), MalformedBody, id="announces what it does not hold"),
        pytest.param(zstd_with_window(21), MalformedBody, id="asks for a window of 2 GiB"),
    ],
)
def test_a_zstd_header_is_not_believed(frame: bytes, fault: type[ServeError]) -> None:
    assert inflate(zstd_with_window(3), "zstd", LIMIT) == b""
    with pytest.raises(fault):
        inflate(frame, "zstd", LIMIT)


@settings(deadline=None)
@given(st.sampled_from(["gzip", "deflate", "zstd"]), st.binary(max_size=200))
def test_no_stream_is_worse_than_refused(encoding: str, body: bytes) -> None:
    prefix = {"gzip": b"\x1f\x8b\x08\x00", "deflate": b"\x78\x9c", "zstd": b"\x28\xb5\x2f\xfd"}[encoding]
    for content in (body, prefix + body):
        try:
            assert len(inflate(content, encoding, LIMIT)) <= LIMIT
        except (MalformedBody, BodyTooLarge):
            continue


@pytest.mark.parametrize("header", ["br", "compress", "gzip, gzip", "gzip, identity", "none"])
def test_another_encoding_is_refused(header: str) -> None:
    with pytest.raises(UnsupportedEncoding) as caught:
        content_encoding_of({"content-encoding": header})
    assert caught.value.status == 415
    assert caught.value.headers["Accept-Encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize(("header", "encoding"), [("GZip", "gzip"), ("x-gzip", "gzip"), ("identity", ""), ("", "")])
def test_encodings_are_known_by_their_usual_names(header: str, encoding: str) -> None:
    assert content_encoding_of({"content-encoding": header}) == encoding


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.5, gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.000", ""),
        ("*", ""),
        ("identity", ""),
    ],
)
def test_the_answer_is_compressed_as_asked(header: str, encoding: str) -> None:
    assert accepted_encoding({"accept-encoding": header}) == encoding
    content = b"abc" * 1000
    assert inflate(compress(content, encoding), encoding, LIMIT) == content
