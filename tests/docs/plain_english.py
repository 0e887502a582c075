"""`python -m tests.docs.plain_english`: words of ours that a newcomer stumbles over, each with what to write instead.

It reads the documents, and docstrings and comments of the code. `make prose` runs proselint before it, which knows the
common faults of English; these are the faults that this project tends to.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from fraud.command_line import CommandLine
from tests.docs.pages import ROOT

_PARTICIPLE: Final = "(?i:compared|weighed|counted|shown|kept|measured|written|checked|recorded|listed|judged|refused)"
INSTEAD: Final[Mapping[str, str]] = {
    rf"(?<=[.:;] ){_PARTICIPLE} (?:is|are|was|were)\b": "the subject first ('The check compares ...')",
    r"\bfor ever\b": "permanently",
    r"\banew\b": "again",
    r"\bparted by\b": "separated by",
    r"\bbe had\b": "is unavailable",
    r"\bso many\b": "that many, the number of",
    r"\b(?:is|are|was|were) to be\b": "must be, will be",
    r"\bgives\b(?! way)": "returns, provides",
    r"\bstands\b": "is, represents",
    r"\bby heart\b": "cached",
    r"\btold of\b": "reported",
    r"\b(?:whence|wherefore|thereof|therein|thereby|whereby|hereby)\b": "a short sentence of its own",
}
"""Pattern of words in one sentence -> what to write instead."""
FOLDERS: Final = ("docs", "deploy", "fraud", "desk", "initdb", "train", "convert", "bench", "jenkins", "serve")
_NOT_READ: Final = re.compile(r"docs/reference/|migrations/versions/")
_CODE: Final = re.compile(r"^```.*?^```$|`[^`\n]*`|^\|?[-:| ]+\|$|<!--.*?-->|\]\([^)\s]*\)", re.MULTILINE | re.DOTALL)
_BREAK: Final = re.compile(r"\n\s*\n(?:\s*(?:[-*|#>]+|\d+\.)\s)?|\n\s*(?:[-*|#>]+|\d+\.)\s|\|")


_COMMENT_LINE: Final = re.compile(r"^[ \t]*#", re.MULTILINE)


def _blank(found: re.Match[str]) -> str:
    """The same length and lines, without words."""
    return re.sub(r"[^\n]", ".", found[0])


def _full_stop(found: re.Match[str]) -> str:
    """The end of a sentence, on as many lines."""
    return "\n" * found[0].count("\n") + ". "


def prose_of_page(text: str) -> str:
    """Markdown's sentences, each at its line; full stops in the place of code."""
    return _BREAK.sub(_full_stop, _CODE.sub(_blank, text))


def prose_of_code(text: str) -> str:
    """Python's docstrings and comments, each at its line; full stops in the place of all other characters."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    kept = list(re.sub(r"[^\n]", ".", text))
    for first, last in (*_docstrings(text, lines, starts), *_comments(text, starts)):
        kept[first:last] = text[first:last]
    for found in _COMMENT_LINE.finditer(text):  # a sentence may go over several of these
        kept[found.start() : found.end()] = " " * len(found[0])
    return re.sub(r"`[^`\n]*`", _blank, "".join(kept))


def _docstrings(text: str, lines: list[str], starts: list[int]) -> Iterator[tuple[int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            if node.value.end_lineno is None or node.value.end_col_offset is None:
                continue
            yield starts[node.lineno - 1], starts[node.value.end_lineno - 1] + len(lines[node.value.end_lineno - 1])


def _comments(text: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            begin = starts[token.start[0] - 1]
            yield begin + token.start[1] + 1, begin + token.end[1]


def findings(prose: str, name: str) -> Iterator[str]:
    """A line for each listed word: file, line, the word, and what to write instead."""
    places = [found.start() for found in re.finditer(r"\S+", prose)]
    words = prose.split()
    begins = list(accumulate((len(word) + 1 for word in words), initial=0))
    for pattern, instead in INSTEAD.items():
        for found in re.finditer(pattern, " ".join(words)):
            line = prose.count("\n", 0, places[bisect_right(begins, found.start()) - 1]) + 1
            yield f"{name}:{line}: '{found[0]}': write {instead}"


PROSE_OF: Final[Mapping[str, Callable[[str], str]]] = {".md": prose_of_page, ".py": prose_of_code}


def all_findings() -> list[str]:
    """Of every file that is read, by file and line."""
    found: list[str] = []
    for path in sorted((*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")))):
        name = str(path.relative_to(ROOT))
        if path.suffix in PROSE_OF and not _NOT_READ.search(name):
            found += findings(PROSE_OF[path.suffix](path.read_text()), name)
    return found


def main() -> int:
    """List words in documents, docstrings and comments that plain English avoids, with what to write instead.

    Exit status: 0 there are none, 1 there are some.
    """
    found = all_findings()
    print(*found, sep="\n", end="\n" if found else "")  # noqa: T201 - what the command is for
    return 1 if found else 0


if __name__ == "__main__":
    CommandLine(main)()
