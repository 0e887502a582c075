"""Which raw rows survive the preparation, and how they are recoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fraud.errors import ProjectError
from fraud.features import FEATURE_NAMES
from initdb.errors import NoUsableRowsError, RawTableError
from initdb.preparation import Applicants, prepare
from tests.initdb.conftest import ignore_progress

GOOD = {
    "ID": "12100000",
    "Client_Income": "6750",
    "Credit_Amount": "19000.35",
    "Loan_Annuity": "950.4",
    "Age_Days": "9000",
    "Employed_Days": "1062",
    "Registration_Days": "6123",
    "ID_Days": "383",
    "Phone_Change": "63",
    "Credit_Bureau": "1",
    "Client_Education": "Secondary",
    "Default": "0",
}


def table(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = tuple(GOOD)) -> Path:
    lines = [",".join(columns)]
    lines += [",".join((GOOD | row)[name] for name in columns) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def prepared(path: Path, *rows: dict[str, str]) -> Applicants:
    # The first row survives in any case: what is asked is whether the others do.
    return prepare(table(path / "raw.csv", {"Client_Income": "1"}, *rows), ignore_progress)


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        pytest.param({}, "Age_Days", 9000, id="young people keep their age"),
        pytest.param({"Age_Days": "11000"}, "Age_Days", 11000, id="age limit itself is kept"),
        pytest.param({"Age_Days": "11001"}, "Age_Days", 7351, id="older people lose ten years"),
        pytest.param({"Age_Days": "9000.0"}, "Age_Days", 9000, id="day counts written as floats"),
        pytest.param({"Client_Income": "1.35E4"}, "Client_Income", 13500, id="exponents"),
        pytest.param({"Client_Income": "13 500.45"}, "Client_Income", 13500.45, id="blank between thousands"),
        pytest.param({"Client_Income": "13\u202f500"}, "Client_Income", 13500, id="narrow blank between thousands"),
        pytest.param({"Client_Income": " 6750 "}, "Client_Income", 6750, id="blanks around"),
        pytest.param({"Employed_Days": "365243"}, "Employed_Days", 365243, id="not employed stays as it is"),
        pytest.param({"Credit_Amount": "24999.99"}, "Credit_Amount", 24999.99, id="just below the ceiling"),
        pytest.param({"Client_Education": "Junior secondary"}, "Education_Days", 3285, id="junior secondary"),
        pytest.param({"Client_Education": "Secondary"}, "Education_Days", 4380, id="secondary"),
        pytest.param({"Client_Education": "Graduation dropout"}, "Education_Days", 5110, id="dropout"),
        pytest.param({"Client_Education": "graduation_dropout"}, "Education_Days", 5110, id="already recoded"),
        pytest.param({"Client_Education": "Graduation"}, "Education_Days", 5840, id="graduation"),
        pytest.param({"Client_Education": " Post Grad"}, "Education_Days", 6570, id="post grad"),
    ],
)
def test_a_row_is_kept_and_recoded(tmp_path: Path, change: dict[str, str], name: str, value: float) -> None:
    kept = prepared(tmp_path, change)
    assert kept.features.shape == (2, 10)
    assert kept.features[1, FEATURE_NAMES.index(name)] == np.float32(value)


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param({name: ""}, id=f"blank {name}") for name in GOOD if name not in {"ID", "Credit_Bureau"}),
        *(pytest.param({"Credit_Bureau": token}, id=f"{token} enquiries") for token in ("#", "?", "-1", "nan")),
        *(pytest.param({"Loan_Annuity": token}, id=token) for token in ("$", "#", "x", "&", "#VALUE!", "nan", "inf")),
        pytest.param({"Credit_Amount": "25000"}, id="at the ceiling"),
        pytest.param({"Phone_Change": "-5"}, id="negative"),
        pytest.param({"ID_Days": "1e12"}, id="no integer of PostgreSQL"),
        pytest.param({"Client_Education": "Kindergarten"}, id="unknown education"),
        pytest.param({"Default": "2"}, id="no label"),
        pytest.param({"Default": "?"}, id="unreadable label"),
    ],
)
def test_a_row_is_dropped(tmp_path: Path, change: dict[str, str]) -> None:
    assert len(prepared(tmp_path, change).labels) == 1


@pytest.mark.parametrize("blank", ["", " ", "\u202f"])
def test_blank_in_a_feature_that_may_be_missing_stays_one(tmp_path: Path, blank: str) -> None:
    kept = prepared(tmp_path, {"Credit_Bureau": blank})
    expected = np.array([6750, 19000.35, 950.4, 9000, 1062, 6123, 383, 63, np.nan, 4380], dtype=np.float32)
    assert np.array_equal(kept.features[1], expected, equal_nan=True)
    again = prepared(tmp_path, {"Credit_Bureau": blank}, {"Credit_Bureau": blank, "ID": "12100009"})
    assert len(again.labels) == 2, "an applicant counts once, whatever is missing"


@pytest.mark.parametrize(
    ("ceiling", "amounts"),
    [
        pytest.param(25_000.0, [24_999.99], id="the agency's"),
        pytest.param(25_000.5, [24_999.99, 25_000], id="a little more"),
        pytest.param(None, [24_999.99, 25_000, 90_000, 400_000], id="none"),
    ],
)
def test_ceiling_decides_which_loans_count(tmp_path: Path, ceiling: float | None, amounts: list[float]) -> None:
    path = table(tmp_path / "raw.csv", *({"Credit_Amount": str(amount)} for amount in (24_999.99, 25_000, 90_000, 4e5)))
    kept = prepare(path, ignore_progress, ceiling)
    assert kept.features[:, FEATURE_NAMES.index("Credit_Amount")].tolist() == np.array(amounts, np.float32).tolist()


def test_features_and_label_stand_in_schema_order(tmp_path: Path) -> None:
    kept = prepared(tmp_path, {"Default": "1"})
    expected = [6750, 19000.35, 950.4, 9000, 1062, 6123, 383, 63, 1, 4380]
    assert kept.features[1].tolist() == np.array(expected, dtype=np.float32).tolist()
    assert kept.labels.tolist() == [0, 1]


def test_an_applicant_counts_once(tmp_path: Path) -> None:
    twin = {"ID": "12100009", "Default": "1"}
    aged = {"Age_Days": "12650"}
    kept = prepared(tmp_path, {}, twin, {"Age_Days": "9001"}, aged)
    # The aged one becomes 9000 days old by the age step, and so the same applicant as the first.
    assert kept.features[1:, FEATURE_NAMES.index("Age_Days")].tolist() == [9000, 9001]
    assert kept.labels.tolist() == [0, 0, 0]
    assert kept.raw_rows == 5


def test_other_columns_and_another_order_do_not_matter(tmp_path: Path) -> None:
    columns = ("Default", "House_Own", *reversed([name for name in GOOD if name != "Default"]))
    path = table(tmp_path / "raw.csv", {"House_Own": "Y"}, columns=columns)
    assert prepare(path, ignore_progress).features[0, 0] == 6750


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "No such file", id="not there"),
        pytest.param(b"", "can't be read as a CSV", id="empty"),
        pytest.param(b"Client_Income,Default\n1,0\n", "no column Credit_Amount, Loan_Annuity", id="columns missing"),
        pytest.param(b"\x00\x01\xff\xfe\n\x80\x81", "has no column|can't be read", id="not a text"),
    ],
)
def test_an_unusable_file_is_named_with_a_remedy(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "raw.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RawTableError, match=message) as caught:
        prepare(path, ignore_progress)
    assert str(path) in str(caught.value)
    assert "RAW_TABLE" in str(caught.value)
    assert isinstance(caught.value, ProjectError)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(RawTableError, match="directory"):
        prepare(tmp_path, ignore_progress)


def test_a_row_of_another_width_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path / "raw.csv", *[{}] * 3)
    path.write_text(path.read_text() + "1,2,3\n")
    with pytest.raises(RawTableError, match=str(path)):
        prepare(path, ignore_progress)


@pytest.mark.parametrize("rows", [0, 1], ids=["header only", "nothing below the ceiling"])
def test_no_usable_row_is_an_error(tmp_path: Path, rows: int) -> None:
    path = table(tmp_path / "raw.csv", *[{"Credit_Amount": "90000"}] * rows)
    with pytest.raises(NoUsableRowsError, match=f"none of {rows} rows"):
        prepare(path, ignore_progress)
