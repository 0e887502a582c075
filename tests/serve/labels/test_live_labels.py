"""`POST /labels` on a running server, and the command: all recorded or nothing, once for each key, with history."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from fraud.api_keys import API_KEYS, ApiKey, Role, bearer, new_key
from fraud.database import connect
from serve.audit.outcomes import outcome_faults
from tests.live_stack import LiveStack, server_beside
from tests.serve.prediction_log_rows import execute, fetch

KEY, OTHERS = new_key(), new_key()
LABELS = 'SELECT act, author, "Divorce", valid_on::text, source FROM outcomes WHERE application_id = %s ORDER BY number'


@pytest.fixture(scope="module")
def url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = [ApiKey.of(KEY, "registry", [Role.LABEL]), ApiKey.of(OTHERS, "shop", [Role.SCORE, Role.READ, Role.OPERATE])]
    folder = tmp_path_factory.mktemp("labels")
    with server_beside(stack, folder, SERVE_WORKERS="2", **{API_KEYS: ",".join(map(str, keys))}) as url:
        yield url


def label(name: str, outcome: str = "divorce", date: str = "2026-03-01", source: str = "register") -> dict[str, str]:
    return {"application_id": name, "outcome": outcome, "date": date, "source": source}


def post(url: str, *labels: Any, key: str = KEY, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{url}/labels", json={"labels": labels}, headers={**bearer(key), **named})


def counts(**done: int) -> dict[str, int]:
    return {"recorded": 0, "corrected": 0, "withdrawn": 0, "unchanged": 0, **done}


def test_labels_keep_their_history(stack: LiveStack, url: str) -> None:
    assert post(url, label("h1"), label("h2", "no_divorce")).json() == counts(recorded=2)
    assert post(url, label("h1", "no_divorce", "2026-03-02"), label("h2", "no_divorce")).json() == counts(
        corrected=1, unchanged=1
    )
    assert post(url, label("h1", "withdrawn", "2026-03-03")).json() == counts(withdrawn=1)
    assert post(url, label("h1", "withdrawn", "2026-03-04")).json() == counts(unchanged=1)
    assert post(url, label("h1", source="court")).json() == counts(recorded=1)
    assert fetch(stack.owner_dsn, LABELS, "h1") == [
        ("outcome", "client:registry", 1, "2026-03-01", "register"),
        ("correction", "client:registry", 0, "2026-03-02", "register"),
        ("withdrawal", "client:registry", None, "2026-03-03", "register"),
        ("outcome", "client:registry", 1, "2026-03-01", "court"),
    ]
    with connect(stack.owner_dsn) as connection:
        assert list(outcome_faults(connection)) == []


def test_a_fault_refuses_all_and_every_fault_is_named(stack: LiveStack, url: str) -> None:
    faulty = [label(f"f{place}", date="soon", source="") for place in range(150)]
    answer = post(url, label("f-good"), *faulty)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["instance"], error["field"]) == ("invalid_labels", 1, "date")
    assert "300 faults in all" in error["message"]
    assert [(fault["instance"], fault["field"]) for fault in error["faults"]] == [
        (place, field) for place in range(1, 151) for field in ("date", "source")
    ]
    assert fetch(stack.owner_dsn, LABELS, "f-good") == []


def test_a_withdrawal_of_nothing_is_a_fault(stack: LiveStack, url: str) -> None:
    answer = post(url, label("w1"), label("w2", "withdrawn"))
    assert answer.status_code == 422
    assert [(fault["instance"], fault["field"]) for fault in answer.json()["error"]["faults"]] == [(1, "outcome")]
    assert fetch(stack.owner_dsn, LABELS, "w1") == []


def test_a_key_is_recorded_once_whatever_came_between(stack: LiveStack, url: str) -> None:
    first = post(url, label("k1"), Idempotency_Key="monday")
    assert "idempotency-replayed" not in first.headers
    post(url, label("k1", "no_divorce"))
    again = post(url, label("k1"), Idempotency_Key="monday")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert [row[2] for row in fetch(stack.owner_dsn, LABELS, "k1")] == [1, 0], "a late retry corrects nothing back"
    other = post(url, label("k2"), Idempotency_Key="monday")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_one_key_at_once_is_recorded_once(stack: LiveStack, url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(url, label("once"), Idempotency_Key="race"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(fetch(stack.owner_dsn, LABELS, "once")) == 1


def test_only_the_role_label_may(url: str) -> None:
    assert httpx.post(f"{url}/labels", json={"labels": [label("r")]}).status_code == 401
    refused = post(url, label("r"), key=OTHERS)
    assert refused.status_code == 403
    assert "`label`" in refused.json()["error"]["message"]
    assert httpx.get(f"{url}/metrics", headers=bearer(KEY)).status_code == 403, "and it may nothing else"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b"a,b", {"Content-Type": "text/csv"}, 415),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        (b" " * (8 * 1024 * 1024 + 1), {"Content-Type": "application/json"}, 413),
        (b'{"labels": [' + b",".join([b"1"] * 10_001) + b"]}", {"Content-Type": "application/json"}, 413),
    ],
    ids=["no labels", "a table", "compressed", "too long", "too many"],
)
def test_a_malformed_request_is_refused(url: str, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{url}/labels", content=content, headers={**bearer(KEY), **headers})
    assert answer.status_code == status, answer.text


def run(stack: LiveStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.labels", *arguments],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": stack.owner_dsn, "ACTING_PERSON": "anna"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_records_a_file_once(stack: LiveStack, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("application_id,outcome,date,source\nc1,divorce,2026-03-01,court\nc2,no_divorce,2026-03-01,court\n")
    first = run(stack, str(file), "--key", "march")
    assert (first.returncode, first.stdout) == (
        0,
        "Recorded: 2 new, 0 corrected, 0 withdrawn, 0 unchanged.\n",
    )
    again = run(stack, str(file), "--key", "march")
    assert again.returncode == 0
    assert "Nothing was done" in again.stdout
    assert "2 unchanged" in run(stack, str(file)).stdout
    assert len(fetch(stack.owner_dsn, LABELS, "c1")) == 1


def test_the_command_names_every_fault_and_records_nothing(stack: LiveStack, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("application_id,outcome,date,source\nb1,divorce,2026-03-01,court\nb2,fraud,soon,court\n")
    done = run(stack, str(file))
    assert done.returncode == 30
    assert "label 2, outcome: is 'fraud': expected one of divorce" in done.stderr
    assert "label 2, date: is 'soon'" in done.stderr
    assert "2 faults, nothing was recorded" in done.stderr
    file.write_text("application_id,outcome,date,source\nb1,divorce,2026-03-01,court\nb2,withdrawn,2026-03-01,court\n")
    done = run(stack, str(file))
    assert (done.returncode, "label 2, outcome" in done.stderr) == (30, True)
    assert fetch(stack.owner_dsn, LABELS, "b1") == []


def test_a_submission_forgets_its_digest_when_a_label_is_erased(stack: LiveStack, url: str) -> None:
    """It could tell whoever guesses labels what they were."""
    post(url, label("gone"), Idempotency_Key="gone")
    execute(stack.owner_dsn, "SELECT erase_outcomes('tests', '{gone}')")
    assert fetch(stack.owner_dsn, "SELECT digest FROM label_submissions WHERE key = 'key:gone'") == [(None,)]


def test_labels_under_a_key_whose_labels_were_erased_are_refused_and_not_lost(stack: LiveStack, url: str) -> None:
    post(url, label("erased"), Idempotency_Key="of-an-erased-label")
    execute(stack.owner_dsn, "SELECT erase_outcomes('tests', '{erased}')")
    answer = post(url, label("another"), Idempotency_Key="of-an-erased-label")
    assert (answer.status_code, "another key" in answer.text) == (422, True)
    assert fetch(stack.owner_dsn, LABELS, "another") == []
    assert post(url, label("another"), Idempotency_Key="a-key-of-its-own").status_code == 200
