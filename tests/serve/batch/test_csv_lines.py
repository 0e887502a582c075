"""A CSV is cut where lines end, and never within a row."""

from __future__ import annotations

import csv
import io
import random

import pytest

from serve.batch.csv_lines import last_line_end


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"1,2", b"", id="no end"),
        pytest.param(b"1,2\n", b"1,2\n", id="one line"),
        pytest.param(b"1,2\n3,", b"1,2\n", id="a line and a part"),
        pytest.param(b"1,2\r\n3,4\r", b"1,2\r\n", id="Windows' line ends"),
        pytest.param(b'1,"a\nb"\n2,', b'1,"a\nb"\n', id="a break in quotes"),
        pytest.param(b'1,2\n3,"a\nb', b"1,2\n", id="quotes that are still open"),
        pytest.param(b'1,2\n"a\nb","c\nd', b"1,2\n", id="two fields with breaks, the last one open"),
        pytest.param(b'1,2\n"a ""\n"" b\n",3\n4', b'1,2\n"a ""\n"" b\n",3\n', id="quotes within quotes"),
        pytest.param(b'5"3,2\n4,5\n6', b'5"3,2\n4,5\n', id="a quote within a plain field opens nothing"),
        pytest.param(b'"a\nb"', b"", id="a closed field without an end of its line"),
    ],
)
def test_the_last_whole_line_is_found(data: bytes, whole: bytes) -> None:
    assert data[: last_line_end(data)] == whole


def test_a_cut_anywhere_leaves_all_rows() -> None:
    generator = random.Random(5)
    rows = [["".join(generator.choices('ab,"\n', k=generator.randrange(6))) for _ in range(3)] for _ in range(60)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerows(rows)
    data = text.getvalue().encode()
    for size in (5, 17, 64):
        found, rest = [], b""
        for start in range(0, len(data), size):
            rest += data[start : start + size]
            end = last_line_end(rest)
            found += _read(rest[:end])
            rest = rest[end:]
        assert found + _read(rest) == rows


def _read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))
