"""A simulated year: weighted labels keep a desk's report honest, and unweighted ones don't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from jenkins.drift.evaluation.label_year.__main__ import main
from jenkins.drift.evaluation.label_year.applicants import LEAST_DELAY, applicants
from jenkins.drift.evaluation.label_year.year import MONTHS, Desk, Report, Worked, known_by, look, report, simulate

QUICK = 2500
"""Applications a month."""


def of_months(desk: Desk, year: Sequence[Worked]) -> list[Report]:
    return [report(desk, [month]) for month in year]


def test_weighted_labels_keep_the_report_of_a_year_honest() -> None:
    honest, naive = Desk(QUICK), Desk(QUICK, weighted=False)
    with_weights, without = simulate(honest, 2), simulate(naive, 2)
    assert [month.applicants.x.tobytes() for month in with_weights] == [
        month.applicants.x.tobytes() for month in without
    ], "both desks have the same applicants"

    assert report(honest, with_weights).holds
    year = report(naive, without)
    assert year.reported.low > 1.3 * year.truth

    assert sum(month.holds for month in of_months(honest, with_weights)) >= MONTHS - 2
    assert sum(month.holds for month in of_months(naive, without)) < MONTHS / 2


def test_a_retraining_knows_only_who_was_looked_at_and_whose_outcome_has_come() -> None:
    rng = np.random.default_rng(1)
    desk = Desk(1000)
    before = [applicants(-1, 1000, rng)]
    here = applicants(0, 1000, rng)
    worked = [look(desk, here, rng.random(1000).astype(np.float32))]
    for month in (LEAST_DELAY, LEAST_DELAY + 1, MONTHS):
        known = known_by(month, before, worked, weighted=True)
        come = worked[0].looked_at & (here.known_in < month)
        assert known.y.size == 1000 + int(come.sum())
    assert known_by(LEAST_DELAY, before, worked, weighted=True).weights is None, "nothing has come yet"
    weights = known_by(MONTHS, before, worked, weighted=True).weights
    assert weights is not None
    assert set(weights.tolist()) == {1.0, 20.0}
    assert known_by(MONTHS, before, worked, weighted=False).weights is None


def test_officers_look_at_as_many_as_they_can_and_at_the_control_sample() -> None:
    rng = np.random.default_rng(1)
    desk = Desk(20_000)
    here = applicants(0, 20_000, rng)
    scores = rng.random(20_000).astype(np.float32)
    worked = look(desk, here, scores)
    suspected = scores >= np.float32(worked.threshold)
    assert suspected.sum() == pytest.approx(1000, abs=2)
    assert worked.looked_at[suspected].all()
    assert worked.looked_at[~suspected].mean() == pytest.approx(0.05, abs=0.006)
    assert set(worked.likely[suspected]) == {1.0}
    assert set(worked.likely[~suspected]) == {0.05}


def test_the_same_seed_gives_the_same_year() -> None:
    first, second = (simulate(Desk(1000), 4, months=2) for _ in range(2))
    assert [one.probabilities.tobytes() for one in first] == [one.probabilities.tobytes() for one in second]


@pytest.mark.long
def test_intervals_hold_as_often_as_they_say_over_many_years() -> None:
    honest, naive = Desk(4000), Desk(4000, weighted=False)
    held, naively = [], []
    for seed in range(20):
        held += [month.holds for month in of_months(honest, simulate(honest, seed))]
        naively += [month.holds for month in of_months(naive, simulate(naive, seed))]
    assert np.mean(held) >= 0.88
    assert np.mean(naively) <= 0.25


@pytest.mark.long
def test_the_note_has_its_plot(tmp_path: Path) -> None:
    main(tmp_path, applications=4000, seed=3)
    note = (tmp_path / "LABELS.md").read_text()
    assert "| weighted |" in note
    assert "(labels.png)" in note
    assert (tmp_path / "labels.png").read_bytes().startswith(b"\x89PNG")
