"""Our documents, docstrings and comments have none of the listed words, and the check finds each where it is."""

from __future__ import annotations

import pytest

from tests.docs.plain_english import all_findings, findings, prose_of_code, prose_of_page


def test_documents_and_code_have_no_listed_word() -> None:
    assert all_findings() == []


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        pytest.param("# A\n\nIt lasts for\never.\n", 3, "for ever", id="over two lines"),
        pytest.param("First. Compared are two days.", 1, "Compared are", id="an inversion"),
        pytest.param("Words:\n\n- compared are two days", 3, "compared are", id="an inversion in a list"),
        pytest.param("| a | b |\n|---|---|\n| c | it is to be done |", 3, "is to be", id="in a table"),
        pytest.param("```\nanew\n```\nIt counts anew.", 4, "anew", id="behind a block of code"),
    ],
)
def test_word_of_a_page_is_found_at_its_line(text: str, line: int, word: str) -> None:
    (found,) = findings(prose_of_page(text), "a.md")
    assert found.startswith(f"a.md:{line}: '{word}': write ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("`anew`", id="a name in code"),
        pytest.param("The days compared are full.", id="no inversion"),
        pytest.param("```\nso many\n```", id="a block of code"),
        pytest.param("[upgrade](anew.md)", id="an address"),
        pytest.param("The shipper gives way.", id="another meaning"),
    ],
)
def test_what_is_no_listed_word_is_no_finding(text: str) -> None:
    assert list(findings(prose_of_page(text), "a.md")) == []


def test_docstrings_and_comments_are_read_and_code_is_not() -> None:
    code = 'def f():\n    """It gives one."""\n    x = "anew"\n    return x  # for\n    # ever\n'
    assert [found.split(": ")[:2] for found in findings(prose_of_code(code), "a.py")] == [
        ["a.py:4", "'for ever'"],
        ["a.py:2", "'gives'"],
    ]
