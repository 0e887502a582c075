"""A supervisor sends a file of labels on a page: recorded whole, or every fault is shown."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute, fetch

Browsers = Callable[..., Browser]
People = Callable[..., str]
HEAD = "application_id,outcome,date,source\n"
GOOD = f"{HEAD}A-1,divorce,2026-03-01,register\nA-2,no_divorce,2026-03-01,register\n"
LABELS = 'SELECT author, application_id, "Divorce" FROM outcomes ORDER BY number'


@pytest.fixture
def sara(browser: Browsers, people: People) -> Browser:
    """A supervisor, at a browser."""
    found = browser()
    found.log_in_first("sara", people("sara", PersonRole.SUPERVISE))
    return found


def send(browser: Browser, content: str | bytes) -> httpx.Response:
    return browser.upload("/outcomes", "file", "march.csv", content.encode() if isinstance(content, str) else content)


def test_a_file_is_recorded_under_the_name_of_who_sent_it(sara: Browser, database: str) -> None:
    answer = send(sara, GOOD)
    assert answer.status_code == 200
    assert "Recorded: 2 new" in answer.text
    assert fetch(database, LABELS) == [("sara", "A-1", 1), ("sara", "A-2", 0)]
    assert "2 unchanged" in send(sara, GOOD).text
    assert len(fetch(database, LABELS)) == 2


def test_a_file_that_comes_again_after_a_correction_counts_again(sara: Browser, database: str) -> None:
    send(sara, GOOD)
    assert "1 corrected" in send(sara, f"{HEAD}A-1,no_divorce,2026-03-02,register\n").text
    assert "1 corrected" in send(sara, GOOD).text
    assert fetch(database, "SELECT \"Divorce\" FROM application_outcomes WHERE application_id = 'A-1'") == [(1,)]


def test_every_fault_is_shown_and_nothing_recorded(sara: Browser, database: str) -> None:
    rows = "".join(f"B-{place},<b>fraud</b>,2026-03-01,register\n" for place in range(200))
    answer = send(sara, GOOD + rows)
    assert answer.status_code == 400
    assert "200 faults: nothing was recorded." in answer.text
    assert answer.text.count("expected one of divorce, no_divorce, withdrawn") == 200
    assert "<b>" not in answer.text
    assert fetch(database, LABELS) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "No file was sent"),
        ("x,y\n1,2\n", "The file has the columns x, y: expected application_id"),
        (b"PAR1xxxxxxxxxxxxxx", "Parquet"),
        (f"{HEAD}A-9,withdrawn,2026-03-01,register\n", "no outcome of this application is recorded"),
    ],
    ids=["nothing", "other columns", "broken Parquet", "a withdrawal of nothing"],
)
def test_a_refused_outcome_is_explained(sara: Browser, database: str, content: str | bytes, told: str) -> None:
    answer = send(sara, content)
    assert (answer.status_code, told in answer.text) == (400, True), answer.text
    assert fetch(database, LABELS) == []


def test_the_delay_of_labels_is_shown(sara: Browser, database: str) -> None:
    execute(database, "SELECT make_prediction_partition('2026-03-01 UTC')")
    execute(
        database,
        "INSERT INTO prediction_requests (chain_id, sequence, recorded_at, received_at, request_id, endpoint, caller,"
        " model_version, model_sha256, load_test, features, probabilities, application_ids, salt, content_digest, hash)"
        " SELECT gen_random_uuid(), 1, '2026-03-01 UTC', '2026-03-01 UTC', 'r' || n, '/predict', 'c', 1, '', false,"
        " array_fill(1::real, ARRAY[10]), '{0.5}', ARRAY['A' || n], '', '', '' FROM generate_series(1, 8) AS n",
    )
    execute(
        database,
        "SELECT append_outcome('2026-03-01 UTC'::timestamptz + n * interval '50 days', 'x', 'outcome', NULL, 'A' || n,"
        " 1, '2026-03-01', 'register', 1) FROM generate_series(1, 4) AS n",
    )
    page = sara.get("/outcomes").text
    assert "2026-03" in page
    assert "4 (50%)" in page
    assert "100 days" in page
    assert "200 days" in page


def test_a_person_without_the_role_is_refused(browser: Browsers, people: People) -> None:
    found = browser()
    found.log_in_first("rita", people("rita", PersonRole.REVIEW))
    assert found.get("/outcomes").status_code == 403
    assert send(found, GOOD).status_code == 403
