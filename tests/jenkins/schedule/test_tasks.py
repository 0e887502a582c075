"""What a night and a month do: a retraining that decides nothing gives its claim back, and groups are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.verdict import Verdict
from jenkins.schedule.commands import Commands
from jenkins.schedule.tasks import monthly, watch_drift

CHECK, CLAIM, RETRAIN = ("jenkins.drift", "check"), ("jenkins.drift", "claim"), ("jenkins.retrain", "--reason", "drift")
GIVE_BACK = ("jenkins.drift", "give-back")


class Recorded(Commands):
    """Runs nothing: each command ends as it is told to, and is written down."""

    def __init__(self, folder: Path, **statuses: int) -> None:
        super().__init__(folder)
        self.statuses = statuses
        self.ran: list[tuple[str, ...]] = []

    def run(self, *arguments: str, **_beside: object) -> int:
        self.ran.append(arguments)
        return self.statuses.get(arguments[1].replace("-", "_"), self.statuses.get("retrain", 0))


@pytest.mark.parametrize(
    ("statuses", "verdict", "ran"),
    [
        pytest.param({"check": 0}, Verdict.PASS, [CHECK], id="no drift"),
        pytest.param({"check": 30}, Verdict.DATA_QUALITY_FAULT, [CHECK], id="the feed's fault"),
        pytest.param({"check": 10, "claim": 10}, Verdict.FAIL, [CHECK, CLAIM], id="not now"),
        pytest.param({"check": 10, "retrain": 0}, Verdict.PASS, [CHECK, CLAIM, RETRAIN], id="promoted"),
        pytest.param({"check": 10, "retrain": 10}, Verdict.FAIL, [CHECK, CLAIM, RETRAIN], id="rejected"),
    ],
)
def test_a_drift_that_has_its_answer_keeps_its_claim(
    tmp_path: Path, statuses: dict[str, int], verdict: Verdict, ran: list[tuple[str, ...]]
) -> None:
    commands = Recorded(tmp_path, **{"claim": 0, **statuses})
    assert watch_drift(commands) is verdict
    assert commands.ran == ran


@pytest.mark.parametrize("ended", [Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.DATA_QUALITY_FAULT])
def test_a_drift_that_got_no_answer_has_its_claim_again(tmp_path: Path, ended: Verdict) -> None:
    commands = Recorded(tmp_path, check=10, claim=0, retrain=ended.exit_status)
    assert watch_drift(commands) is ended
    assert commands.ran[:3] == [CHECK, CLAIM, RETRAIN]
    assert commands.ran[3:] == [(*GIVE_BACK, "--reason", f"the retraining ended with {ended}")]


@pytest.mark.parametrize("compared", list(Verdict))
@pytest.mark.parametrize("ended", [Verdict.PASS, Verdict.FAIL])
def test_a_month_compares_groups_and_retrains_whatever_is_found(
    tmp_path: Path, compared: Verdict, ended: Verdict
) -> None:
    commands = Recorded(tmp_path, groups=compared.exit_status, retrain=ended.exit_status)
    assert monthly(commands) is ended
    assert commands.ran == [("jenkins.drift", "groups"), ("jenkins.retrain", "--reason", "monthly")]
