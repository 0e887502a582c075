"""The generated CSV looks like the public one, and the same seed gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from initdb.blanks import STRAY_TOKENS
from initdb.population import Population
from initdb.profile import Profile
from initdb.raw_table import CHUNK_ROWS, write_raw_table
from tests.initdb.conftest import ignore_progress

HEADER = (
    "ID,Client_Income,Credit_Amount,Loan_Annuity,Age_Days,Employed_Days,Registration_Days,ID_Days,Phone_Change,"
    "Credit_Bureau,Client_Education,Default"
)


@pytest.fixture(scope="module")
def texts(raw_table: Path) -> pd.DataFrame:
    return pd.read_csv(raw_table, dtype=str, keep_default_na=False)


def written(population: Population, path: Path, rows: int, seed: int) -> bytes:
    write_raw_table(path, population, rows, seed, ignore_progress)
    return path.read_bytes()


def test_same_seed_same_bytes(population: Population, tmp_path: Path) -> None:
    rows = CHUNK_ROWS * 2 + 500
    first = written(population, tmp_path / "first.csv", rows, 5)
    again = written(Population.fit(population.profile), tmp_path / "again.csv", rows, 5)
    assert first == again
    assert first != written(population, tmp_path / "other.csv", rows, 6)


def test_a_longer_table_begins_with_the_shorter(population: Population, tmp_path: Path) -> None:
    short = written(population, tmp_path / "short.csv", CHUNK_ROWS + 10, 5)
    long = written(population, tmp_path / "long.csv", CHUNK_ROWS + 900, 5)
    assert long.startswith(short)
    assert long.count(b"\n") == CHUNK_ROWS + 901


def test_chunks_do_not_repeat(texts: pd.DataFrame) -> None:
    first, second = texts[:CHUNK_ROWS], texts[CHUNK_ROWS : 2 * CHUNK_ROWS]
    assert (first["Age_Days"].to_numpy() != second["Age_Days"].to_numpy()).mean() > 0.9
    assert texts["ID"].is_unique


def test_header_and_education(raw_table: Path, texts: pd.DataFrame) -> None:
    with raw_table.open() as file:
        assert file.readline().strip() == HEADER
    assert set(texts["Client_Education"]) == {
        "",
        "Junior secondary",
        "Secondary",
        "Graduation dropout",
        "Graduation",
        "Post Grad",
    }
    assert set(texts["Default"]) == {"0", "1"}


def test_blanks_have_their_share_and_are_independent(texts: pd.DataFrame, profile: Profile) -> None:
    blank = texts == ""
    for name, share in profile.official.blank_share.items():
        assert blank[name].mean() == pytest.approx(share, abs=0.003), name
    spoilt = list(profile.official.blank_share)
    together = blank[spoilt].astype(float).corr().to_numpy()
    assert np.abs(together - np.eye(len(spoilt))).max() < 0.01


def test_whom_the_bureau_does_not_know_is_a_higher_risk(texts: pd.DataFrame, profile: Profile) -> None:
    known = texts["Credit_Bureau"] != ""
    positive = texts["Default"] == "1"
    assert positive[known].mean() == pytest.approx(profile.complete_positive_rate, abs=0.002)
    assert positive.mean() == pytest.approx(profile.positive_rate, abs=0.002)


def test_stray_tokens_have_their_rate(texts: pd.DataFrame, profile: Profile) -> None:
    for name in profile.official.blank_share:
        found = int(texts[name].isin(STRAY_TOKENS).sum())
        expected = profile.official.stray_tokens.get(name, 0) * len(texts) / profile.official.rows
        assert abs(found - expected) <= 5 * expected**0.5, name


def test_no_half_written_table_is_left(population: Population, tmp_path: Path) -> None:
    def fail(_: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_raw_table(tmp_path / "table.csv", population, CHUNK_ROWS, 1, fail)
    assert list(tmp_path.iterdir()) == []
