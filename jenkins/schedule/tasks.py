"""What is done at the times of the schedules, by the same commands as Jenkins'."""

from __future__ import annotations

import logging
from typing import Final

from fraud.verdict import Verdict
from jenkins.schedule.commands import Commands

DRIFT: Final = "drift-monitor"
RETRAIN: Final = "retrain"
REWRITE: Final = "rewrite-erased"

DECIDED: Final = frozenset({Verdict.PASS, Verdict.FAIL})
"""Ends of a retraining after which its drift has had its answer: another model, or none that is better."""

logger = logging.getLogger(__name__)


def watch_drift(commands: Commands) -> Verdict:
    """Check for drift; where there is some and no retraining was begun a short time ago, retrain.

    A retraining that decides nothing releases its claim, and the check of the next day may claim again.
    """
    found = _verdict(commands.run("jenkins.drift", "check"))
    if found is not Verdict.FAIL or commands.is_stopping():
        return found
    claimed = _verdict(commands.run("jenkins.drift", "claim"))
    if claimed is not Verdict.PASS or commands.is_stopping():
        return claimed
    ended = retrain(commands, "drift")
    if ended not in DECIDED:
        # Also while stopping: a claim that nobody answers would be spent.
        commands.run("jenkins.drift", "give-back", "--reason", f"the retraining ended with {ended}")
    return ended


def monthly(commands: Commands) -> Verdict:
    """Compare whom the last month suspected with the month before it, which is for a person to read; then retrain."""
    compared = _verdict(commands.run("jenkins.drift", "groups"))
    if compared not in {Verdict.PASS, Verdict.INCONCLUSIVE}:
        logger.warning("groups of applicants: %s; its log and groups/verdict.json in RUN_DIR say more", compared)
    return compared if commands.is_stopping() else retrain(commands)


def retrain(commands: Commands, reason: str = "monthly") -> Verdict:
    """All stages of a retraining."""
    return _verdict(commands.run("jenkins.retrain", "--reason", reason))


def rewrite_erased(commands: Commands) -> Verdict:
    """The second half of erasures; nothing where nothing was erased."""
    return _verdict(commands.run("serve.audit", "rewrite"))


def _verdict(status: int) -> Verdict:
    return next((verdict for verdict in Verdict if verdict.exit_status == status), Verdict.ERROR)
