"""CSV files: cut into blocks of whole lines; each block is decoded like a request body, after the header line.

Workers read an uncompressed local file themselves. A compressed or remote file can only be read from its beginning, so
its blocks are passed to the workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import pyarrow as pa

from serve.batch.csv_lines import last_line_end
from serve.batch.errors import InputError
from serve.batch.inputs import InputFile
from serve.batch.locations import Location
from serve.batch.reading import NO_LIMIT, faults_of, good_rows
from serve.decoding import DecodedRows
from serve.decoding.bounds import check_header, check_row_count
from serve.decoding.csv_table import columns_of, decode_csv, header_of

BLOCK_BYTES: Final = 4 * 1024 * 1024
BLOCKS_A_PART: Final = 8
LINE_MAX_BYTES: Final = 64 * 1024 * 1024


class _Block(NamedTuple):
    """Whole lines: their start in the file, their size in bytes, and their content if it is passed to the worker."""

    start: int
    size: int
    content: bytes | None
    read: int
    """Bytes of the file as stored (compressed), up to the block's end."""


@dataclass(frozen=True, slots=True)
class CsvSlice:
    """Consecutive blocks."""

    location: Location
    header: bytes
    blocks: tuple[_Block, ...]

    def rows(self) -> Iterator[DecodedRows]:
        """The rows, a block at a time."""
        for block in self.blocks:
            with faults_of(self.location, f", bytes {block.start} to {block.start + block.size}"):
                rows = good_rows(partial(decode_csv, self.header + self._content(block), NO_LIMIT))
            yield rows

    def _content(self, block: _Block) -> bytes:
        if block.content is not None:
            return block.content
        with self.location.filesystem.open_input_file(self.location.path) as file:
            content: bytes = file.read_at(block.size, block.start)
        return content


def check(file: InputFile) -> Sequence[str]:
    """The columns of a file; refuses a file without a header line that names the features, or without rows.

    Raises:
        InputError: naming the fault.
    """
    header, first = next(_headed_blocks(file), (b"", None))
    if not header:
        raise InputError(file.location, "is empty: expected a header line with the features, then applications")
    with faults_of(file.location):
        columns = columns_of(header_of(header))
        check_header(columns)
        check_row_count(int(first is not None), 1)
    return columns


def cut(file: InputFile) -> Iterator[tuple[CsvSlice, int]]:
    """The parts of the file, with their sizes in bytes."""
    is_read_again = file.location.is_local and not file.format.compression
    header, blocks, read = b"", list[_Block](), 0
    for header, block in _headed_blocks(file):
        if block is not None:
            blocks.append(block._replace(content=None) if is_read_again else block)
        if len(blocks) == BLOCKS_A_PART:
            yield CsvSlice(file.location, header, tuple(blocks)), blocks[-1].read - read
            blocks, read = [], blocks[-1].read
    if blocks:
        yield CsvSlice(file.location, header, tuple(blocks)), blocks[-1].read - read


def _headed_blocks(file: InputFile) -> Iterator[tuple[bytes, _Block | None]]:
    """The header line with each block; with None if there are no rows."""
    header, has_rows = b"", False
    for start, lines, read in _whole_lines(file):
        end = 0 if header else _header_end(lines)
        header = header or lines[:end].strip(b"\r\n")
        rows = lines[end:]
        if header and rows.strip(b"\r\n"):
            has_rows = True
            yield header + b"\n", _Block(start + end, len(rows), rows, read)
    if header and not has_rows:
        yield header + b"\n", None


def _header_end(lines: bytes) -> int:
    """The end of the first line that is not blank, including its line break."""
    begin = len(lines) - len(lines.lstrip(b"\r\n"))
    return lines.find(b"\n", begin) + 1 or len(lines)


def _whole_lines(file: InputFile) -> Iterator[tuple[int, bytes, int]]:
    """The file in pieces of whole lines, with the start of each and the bytes of the file read so far."""
    place = file.location
    with faults_of(place), place.filesystem.open_input_file(place.path) as raw:
        stream = pa.CompressedInputStream(raw, file.format.compression) if file.format.compression else raw
        start, rest = 0, b""
        while piece := stream.read(BLOCK_BYTES):
            data = rest + piece
            end = last_line_end(data)
            if end:
                yield start, data[:end], raw.tell()
                start += end
            rest = data[end:]
            if len(rest) > LINE_MAX_BYTES:
                raise InputError(place, f"the row at byte {start} is longer than {LINE_MAX_BYTES} bytes")
        if rest:
            yield start, rest, raw.tell()
