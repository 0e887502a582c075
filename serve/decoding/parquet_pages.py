"""Checks the decompressed size of a Parquet file's pages by their headers, before anything is decompressed.

The footer states the sizes of columns, and may lie; a reader decompresses and allocates by the header before each page
(parquet.apache.org/docs/file-format/data-pages). So these headers are walked, from where the reader starts. The footer
is read here too: pyarrow's own footer objects crash the process if its statistics are malformed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serve.decoding.bounds import check_row_count
from serve.decoding.thrift_compact import NotThrift, Struct, read_struct
from serve.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

INFLATED_MAX_BYTES: Final = 64 * 1024 * 1024
"""Maximum decompressed size of all pages together."""
MAX_PAGES: Final = 4096

# Fields of a FileMetaData, RowGroup, ColumnChunk and ColumnMetaData (parquet.thrift).
_GROUPS: Final = 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK_FILE, _CHUNK_METADATA = 1, 3
_NUM_VALUES, _CHUNK_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 5, 7, 9, 11

# Fields of a PageHeader and its nested structs.
_KIND, _INFLATED_SIZE, _SIZE = 1, 2, 3
_HEADERS: Final = {0: 5, 2: 7, 3: 8}
"""Field of the header of a page's kind: data, dictionary, data of version 2."""
_ENCODINGS: Final = {0: 2, 2: 2, 3: 4}
"""Field of the encoding in that header."""
_VALUES: Final = 1
_DICTIONARY: Final = 2

_LINEAR_ENCODINGS: Final = frozenset({0, 2, 3, 5, 6, 8, 9})
"""Encodings whose decoded text is no longer than the encoded: plain, dictionaries, runs, deltas, lengths, split bytes.
DELTA_BYTE_ARRAY is excluded, since each text can repeat all of the one before it.
"""


def check_pages(body: memoryview, footer: memoryview, max_rows: int) -> None:
    """Refuse a file whose pages would be too large.

    Raises:
        BodyTooLarge: too many bytes, rows or pages.
        InvalidInstance: no rows.
        UnsupportedMediaType: an unsupported encoding.
        MalformedBody: pages are not where the footer says, or the footer is malformed.
    """
    pages = inflated = 0
    for chunk in _chunks_in(footer, max_rows):
        values = 0
        for header, kind in _pages_of(body, chunk):
            pages += 1
            inflated += header[_INFLATED_SIZE]
            if pages > MAX_PAGES or inflated > INFLATED_MAX_BYTES:
                raise BodyTooLarge(
                    f"more than {INFLATED_MAX_BYTES} bytes when decompressed, or {MAX_PAGES} pages: send fewer rows"
                )
            if kind in _HEADERS:
                found = _check_page(header, kind, max_rows)
                values += found if kind != _DICTIONARY else 0
        if values != chunk.get(_NUM_VALUES):
            raise MalformedBody("the number of values in a Parquet column does not match the footer")


def _chunks_in(footer: memoryview, max_rows: int) -> Iterator[Struct]:
    """The metadata of each column chunk in each row group."""
    try:
        file, _ = read_struct(footer, 0)
        groups = [(group[_GROUP_ROWS], group[_GROUP_COLUMNS]) for group in file.get(_GROUPS, ())]
        rows = sum(max(rows, 0) for rows, _ in groups)
        chunks = [chunk for _, columns in groups for chunk in columns]
        described: list[Struct] = [chunk[_CHUNK_METADATA] for chunk in chunks if not chunk.get(_CHUNK_FILE)]
    except (NotThrift, LookupError, TypeError, AttributeError):
        raise MalformedBody("the footer of the Parquet file can't be read") from None
    check_row_count(rows, max_rows)
    if len(described) < len(chunks) or not all(isinstance(chunk, dict) for chunk in described):
        raise MalformedBody("a Parquet column has no metadata, or is in another file")
    yield from described


def _pages_of(body: memoryview, chunk: Struct) -> Iterator[tuple[Struct, int]]:
    """The header and the type of each page of a column chunk."""
    at, size = chunk.get(_DATA_PAGE), chunk.get(_CHUNK_SIZE)
    if not (isinstance(at, int) and isinstance(size, int) and size >= 0):
        raise MalformedBody("a Parquet column has no offset in the file")
    dictionary = chunk.get(_DICTIONARY_PAGE)
    if isinstance(dictionary, int) and dictionary > 0:
        at = min(at, dictionary)
    end = at + size
    if not 0 <= at <= end <= len(body):
        raise MalformedBody("a Parquet column is outside of the file")
    data = body[:end]
    while at < end:
        try:
            header, at = read_struct(data, at)
            kind, size, inflated = header[_KIND], header[_SIZE], header[_INFLATED_SIZE]
        except (NotThrift, KeyError):
            raise MalformedBody("a Parquet page has no valid header") from None
        if not all(isinstance(number, int) and number >= 0 for number in (kind, size, inflated)) or at + size > end:
            raise MalformedBody("a Parquet page is cut off")
        yield header, kind
        at += size


def _check_page(header: Struct, kind: int, max_rows: int) -> int:
    """The number of values in a page."""
    inner = header.get(_HEADERS[kind])
    if not isinstance(inner, dict):
        raise MalformedBody("a Parquet page has no valid header")
    values, encoding = inner.get(_VALUES), inner.get(_ENCODINGS[kind])
    if not isinstance(values, int) or values < 0:
        raise MalformedBody("a Parquet page has no valid header")
    if values > max_rows:
        raise BodyTooLarge(
            f"more than {max_rows} values in a Parquet page: at most this number of rows is scored in one request"
        )
    if not isinstance(encoding, int) or encoding not in _LINEAR_ENCODINGS:
        raise UnsupportedMediaType(f"Parquet encoding {encoding}: expected PLAIN or dictionaries")
    return values
