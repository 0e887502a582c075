"""What the pages of a Parquet file would become, found from their headers before anything of them is inflated.

The footer says how large the columns are, and may lie; what a reader inflates and allocates is what the header in front
of each page says (parquet.apache.org/docs/file-format/data-pages). So these are walked, from where the reader begins.
"""

from __future__ import annotations

from typing import Any, Final

from serve.decoding.thrift_compact import NotThrift, Struct, read_struct
from serve.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

INFLATED_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all pages together."""
MAX_PAGES: Final = 4096

# Fields of a PageHeader, and of what is in it (parquet.thrift).
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


def check_pages(body: memoryview, metadata: Any, max_rows: int) -> None:
    """Refuse a file whose pages would become too much; `metadata` is its footer as pyarrow gives it.

    Raises:
        BodyTooLarge: more bytes or pages than may be.
        UnsupportedMediaType: an encoding that is not read here.
        MalformedBody: pages that are not where the footer says.
    """
    pages = inflated = 0
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
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
            if values != chunk.num_values:
                raise MalformedBody("a Parquet column has another number of values than the footer says")


def _pages_of(body: memoryview, chunk: Any) -> Any:
    """The header and the kind of each page of a column's chunk."""
    if chunk.file_path:
        raise MalformedBody("a Parquet column lies in another file")
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        at = min(at, chunk.dictionary_page_offset)
    end = at + chunk.total_compressed_size
    if not 0 <= at <= end <= len(body):
        raise MalformedBody("a Parquet column lies outside of the file")
    data = body[:end]
    while at < end:
        try:
            header, at = read_struct(data, at)
            sizes = header[_SIZE], header[_INFLATED_SIZE]
            kind = header[_KIND]
        except (NotThrift, KeyError):
            raise MalformedBody("a Parquet page has no valid header") from None
        if min(sizes) < 0 or at + sizes[0] > end:
            raise MalformedBody("a Parquet page is cut off")
        yield header, kind
        at += sizes[0]


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
    if encoding not in _LINEAR_ENCODINGS:
        raise UnsupportedMediaType(f"Parquet encoding {encoding}: expected PLAIN or dictionaries")
    return values
