"""What the pages of a Parquet file would become, found from their headers before anything of them is inflated.

The footer says how large the columns are, and may lie; what a reader inflates and allocates is what the header in front
of each page says (parquet.apache.org/docs/file-format/data-pages). So these are walked, from where the reader begins.
The footer is read here too: pyarrow's own objects of it end the process when statistics in it don't fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serve.decoding.bounds import check_row_count
from serve.decoding.thrift_compact import NotThrift, Struct, read_struct
from serve.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

INFLATED_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all pages together."""
MAX_PAGES: Final = 4096

# Fields of a FileMetaData, RowGroup, ColumnChunk and ColumnMetaData (parquet.thrift).
_GROUPS: Final = 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK_FILE, _CHUNK_METADATA = 1, 3
_NUM_VALUES, _CHUNK_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = 5, 7, 9, 11

# Fields of a PageHeader, and of what is in it.
_KIND, _INFLATED_SIZE, _SIZE = 1, 2, 3
_HEADERS: Final = {0: 5, 2: 7, 3: 8}
"""Field of the header of a page's kind: data, dictionary, data of version 2."""
_ENCODINGS: Final = {0: 2, 2: 2, 3: 4}
"""Field of the encoding in that."""
_VALUES: Final = 1
_DICTIONARY: Final = 2

_LINEAR_ENCODINGS: Final = frozenset({0, 2, 3, 5, 6, 8, 9})
"""Those that give no more text than they take: plain, dictionaries, runs, differences, lengths, split bytes.

In the one that is missing, DELTA_BYTE_ARRAY, each text may begin with all of the one before it.
"""


def check_pages(body: memoryview, footer: memoryview, max_rows: int) -> None:
    """Refuse a file whose pages would become too much.

    Raises:
        BodyTooLarge: more bytes, rows or pages than may be.
        InvalidInstance: no rows.
        UnsupportedMediaType: an encoding that is not read here.
        MalformedBody: pages that are not where the footer says, or a footer that is none.
    """
    pages = inflated = 0
    for chunk in _chunks_in(footer, max_rows):
        values = 0
        for header, kind in _pages_of(body, chunk):
            pages += 1
            inflated += header[_INFLATED_SIZE]
            if pages > MAX_PAGES or inflated > INFLATED_MAX_BYTES:
                raise BodyTooLarge(
                    f"more than {INFLATED_MAX_BYTES} bytes when inflated, or {MAX_PAGES} pages: send fewer rows"
                )
            if kind in _HEADERS:
                found = _check_page(header, kind, max_rows)
                values += found if kind != _DICTIONARY else 0
        if values != chunk.get(_NUM_VALUES):
            raise MalformedBody("a Parquet column has another number of values than the footer says")


def _chunks_in(footer: memoryview, max_rows: int) -> Iterator[Struct]:
    """The metadata of each column's chunk of each row group."""
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
        raise MalformedBody("a Parquet column is not described, or lies in another file")
    yield from described


def _pages_of(body: memoryview, chunk: Struct) -> Iterator[tuple[Struct, int]]:
    """The header and the kind of each page of a column's chunk."""
    at, size = chunk.get(_DATA_PAGE), chunk.get(_CHUNK_SIZE)
    if not (isinstance(at, int) and isinstance(size, int) and size >= 0):
        raise MalformedBody("a Parquet column has no place in the file")
    dictionary = chunk.get(_DICTIONARY_PAGE)
    if isinstance(dictionary, int) and dictionary > 0:
        at = min(at, dictionary)
    end = at + size
    if not 0 <= at <= end <= len(body):
        raise MalformedBody("a Parquet column lies outside of the file")
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
        raise BodyTooLarge(f"more than {max_rows} values in a Parquet page: at most as many rows are scored")
    if not isinstance(encoding, int) or encoding not in _LINEAR_ENCODINGS:
        raise UnsupportedMediaType(f"Parquet encoding {encoding}: expected PLAIN or dictionaries")
    return values
