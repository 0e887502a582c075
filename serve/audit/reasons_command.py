"""`python -m serve.audit reasons`: explain a recorded answer: its reasons, and what would have changed it."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Final

import msgspec
import typer

from fraud.counted import counted
from fraud.database import connect
from fraud.features import FEATURE_COUNT
from fraud.languages import ENGLISH, LANGUAGES
from fraud.reason_words import OFFERED
from fraud.registry import Registry
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.schema_version import refuse_newer
from fraud.settings import DatabaseRole, Settings
from fraud.verdict import Verdict
from serve.audit.answering_versions import AnsweringVersions
from serve.audit.command import TIMEOUT_S, audit_settings
from serve.audit.erasure import APPLICATION_NAME, refuse_damaged
from serve.audit.reasons import ExplainedAnswer, Telling, explain_application
from serve.audit.review_borders import ReviewBorders
from serve.audit.shipped import wait_until_anchored

logger = logging.getLogger(__name__)

TOP: Final = 3
UNKNOWN: Final = "no answer is on record under that application id: it was never sent, or it was erased"


def reasons(
    application: Annotated[str, typer.Option(help="The application's id, as clients send it.")],
    top: Annotated[int, typer.Option(min=1, max=FEATURE_COUNT, help="Number of reasons, largest effects first.")] = TOP,
    language: Annotated[str, typer.Option(help=f"Language of the reasons: {', '.join(OFFERED)}.")] = ENGLISH,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Review threshold; default: the review policy's.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the reasons of every answer about one application to standard output, as JSON, with what would have changed
    it: for each feature that the applicant can dispute, the smallest change that takes it out of review.

    They are recomputed from the recorded features and the version that answered, which must still be in the registry;
    the reasons in the original answer are included, if it had any. Exit status: 0 there are reasons; 10 nothing is on
    record under that id, or no answer has reasons; 2 the command could not run.
    """
    if language not in OFFERED:
        raise typer.BadParameter(f"expected one of {', '.join(OFFERED)}", param_hint="--language")
    found = _explain(audit_settings(), application, top, language, threshold)
    answers = {"application": application, "no_cause": LANGUAGES[language].no_cause, "answers": found}
    typer.echo(msgspec.json.format(msgspec.json.encode(answers), indent=2).decode())
    if not found:
        typer.echo(UNKNOWN, err=True)
    for answer in found:
        if answer.why_none is not None:
            typer.echo(f"{answer.request_id}, row {answer.row_number}: no reasons, {answer.why_none}", err=True)
    logger.info("reasons: %s", counted(len(found), "answer"))
    sys.exit((Verdict.PASS if any(answer.reasons for answer in found) else Verdict.FAIL).exit_status)


def _explain(
    settings: Settings, application: str, top: int, language: str, threshold: float | None
) -> list[ExplainedAnswer]:
    dsn = settings.dsn(DatabaseRole.AUDITOR)
    refuse_newer(dsn)
    wait_until_anchored(settings.spool_folder(), TIMEOUT_S)
    refuse_damaged(settings.spool_folder())  # also what was set aside meanwhile
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    with connect(dsn, APPLICATION_NAME) as connection:
        borders = ReviewBorders(signed_policies(read_journal(connection)), threshold)
        telling = Telling(top, borders, language)
        return explain_application(connection, application, AnsweringVersions(registry), telling)
