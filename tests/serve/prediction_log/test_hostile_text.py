"""Text that would be more than text, were statements put together from it: it ends up in the record as it was sent."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from initdb.schema import set_passwords
from serve.prediction_log.pseudonym import Pseudonyms
from tests.live_stack import LOGIN, LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch, record, running_spool, ship_all

HOSTILE = [
    "'; DROP TABLE prediction_requests; --",
    "' OR '1'='1",
    '"; SELECT pg_sleep(9); --',
    "\\'; --",
    "$$; DROP TABLE x; $$",
    "%s %(name)s {} {0}",
    '{NULL,"a"}',
    "\\N",
    "\\.",
    "NULL",
    "<script>alert(1)</script>",
    "a\u2028b \u00e9 \U0001f600 \ufeff",
    "E'\\x27'",
    "0x27204f5220313d31",
]


def test_ids_with_quotes_are_recorded_as_they_were_sent(stack: LiveStack) -> None:
    rows = [{**EXAMPLE_INSTANCE, "application_id": text, "applicant_ref": text} for text in HOSTILE]
    headers = {**LOGIN, "X-Request-ID": "hostile-text"}
    assert httpx.post(stack.url + "/batch_predict", json={"instances": rows}, headers=headers).status_code == 200
    query = "SELECT application_id FROM prediction_logs WHERE request_id = %s ORDER BY row_number"
    wait_until(lambda: bool(fetch(stack.owner_dsn, query, "hostile-text")), 30, "the record is in PostgreSQL")
    assert [text for (text,) in fetch(stack.owner_dsn, query, "hostile-text")] == HOSTILE
    key = stack.secrets["APPLICANT_REF_KEY"]
    assert key is not None
    ((stored,),) = fetch(
        stack.owner_dsn, "SELECT applicant_refs FROM prediction_requests WHERE request_id = %s", "hostile-text"
    )
    assert [bytes(ref) for ref in stored] == [Pseudonyms(key).of(text) for text in HOSTILE]


@pytest.mark.parametrize("header", ["X-Request-ID", "Idempotency-Key"])
@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isascii()])
def test_names_of_requests_can_not_be_such_text(stack: LiveStack, header: str, text: str) -> None:
    answer = httpx.post(stack.url + "/predict", json=EXAMPLE_INSTANCE, headers={**LOGIN, header: text})
    assert answer.status_code == (200 if text.isalnum() else 400), answer.text


def test_any_text_of_a_record_is_shipped_as_it_is(database: str, tmp_path: Path) -> None:
    """Also that which the interface would not let in: names of clients, addresses, ids."""

    with running_spool(tmp_path) as log:
        for text in HOSTILE:
            log.append(record(request_id=text, caller=text, endpoint=text, application_ids=[text]))
    ship_all(tmp_path, database)
    stored = fetch(
        database, "SELECT request_id, caller, endpoint, application_ids[1] FROM prediction_requests ORDER BY sequence"
    )
    assert stored == [(text,) * 4 for text in HOSTILE]


def test_a_role_may_have_any_password(database: str) -> None:
    set_passwords(database, dict.fromkeys(("scoring_server",), HOSTILE[0]))
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(0,)]
