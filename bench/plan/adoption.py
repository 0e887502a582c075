"""`python -m bench plan adopt` and `sign`: a plan's choice becomes a policy, which two people sign."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.plan.errors import AdoptionError
from bench.plan.forecast import Choice
from bench.plan.people import asked_for_secret, person_of
from bench.plan.plan import PLAN_FILE, PLAN_FOLDER, Plan
from bench.plan.report import threshold
from fraud.control_sample import fingerprint
from fraud.database import connect
from fraud.registry import PRODUCTION, Registry
from fraud.review_policy import Entry, Terms, check, next_entry
from fraud.review_policy_table import append_entry, lock_journal, read_journal
from fraud.schema_version import refuse_newer
from fraud.settings import Settings, load_settings

APPLICATION_NAME: Final = "policy"
SAME_CAPACITY: Final = 1e-6
_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


def adopt(
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="File of `python -m bench plan`; default: <RUN_DIR>/plan/plan.json.")
    ] = None,
    capacity: Annotated[
        float | None, typer.Option(help="Reviews per week, one of the plan's capacities; default: its best choice.")
    ] = None,
    valid_from: Annotated[
        dt.datetime | None,
        typer.Option(formats=_FORMATS, help="Start of its validity (UTC); default: its second signature."),
    ] = None,
) -> None:
    """Make a plan's choice a review policy, signed by its author; it is used once a second person signs.

    The command asks for the author's API key (role `operate`) or the administrator's password, or reads it from a pipe.
    Run it as the owner of the database. Exit status: 0 written, 2 error.
    """
    settings = load_settings()
    plan = Plan.read(plan_file or settings.run_dir / PLAN_FOLDER / PLAN_FILE)
    _refuse_other_model(plan, settings)
    now = dt.datetime.now(dt.UTC)
    terms = terms_of(plan, chosen(plan, capacity), _moment(valid_from, now), settings)
    author = person_of(asked_for_secret(), settings)
    entry = _enter(settings, author, now, terms=terms)
    typer.echo(
        f"Policy {entry.policy_id} of {author}: threshold {terms.threshold:.4f}, {terms.capacity:,.4g} reviews a "
        f"week. It is not used until a second person signs it: `python -m bench plan sign {entry.number}`"
    )


def sign(number: Annotated[int, typer.Argument(help="Number of the policy, as `adopt` printed it.")]) -> None:
    """Sign a policy that somebody else has written; servers then use it, once it is valid.

    Servers read it within a minute, or at once on `/update-model`. Exit status: 0 signed, 2 error.
    """
    settings = load_settings()
    terms = _unsigned(_read(settings), number)
    typer.echo(
        f"Policy {number}: threshold {terms.threshold:.4f}, {terms.capacity:,.4g} reviews a week, a control sample "
        f"of {terms.control_share:.3g} of all others, valid from {terms.valid_from:%Y-%m-%d %H:%M} UTC.",
        err=True,
    )
    signer = person_of(asked_for_secret(), settings)
    _enter(settings, signer, dt.datetime.now(dt.UTC), signs=number)
    typer.echo(f"Policy {number} is signed by {signer} too.")


def chosen(plan: Plan, capacity: float | None) -> Choice:
    """The plan's choice of that capacity, or its best one.

    Raises:
        AdoptionError: there is none.
    """
    if capacity is None:
        if plan.recommended is None:
            raise AdoptionError(
                "the plan recommends no review within its limits: name a --capacity of it, or plan again"
            )
        return plan.choices[plan.recommended]
    found = [one for one in plan.choices if abs(one.capacity - capacity) <= SAME_CAPACITY * max(1.0, capacity)]
    if not found:
        known = ", ".join(f"{one.capacity:.6g} ({threshold(one)})" for one in plan.choices)
        raise AdoptionError(f"the plan has no choice of {capacity:g} reviews a week: it has {known}; or plan again")
    return found[0]


def terms_of(plan: Plan, choice: Choice, valid_from: dt.datetime, settings: Settings) -> Terms:
    """What the policy will say.

    Raises:
        SettingsError: the key of the control sample is too short.
        AdoptionError: there is none, or the choice reviews nobody.
    """
    key = settings.control_secret()
    if key is None:
        raise AdoptionError(
            "REVIEW_CONTROL_KEY is not set: give the server and this command one, as by `openssl rand -hex 32`"
        )
    if choice.threshold > 1:
        raise AdoptionError("that capacity reviews nobody: choose a larger one")
    return Terms(
        valid_from,
        choice.threshold,
        choice.capacity,
        plan.limits.price.case_eur,
        plan.limits.price.divorce_eur,
        plan.limits.max_wrongly_suspected,
        float(settings.review_control_share),
        fingerprint(key),
        plan.model_version,
        plan.model_sha256,
    )


def _unsigned(journal: Sequence[Entry], number: int) -> Terms:
    entry = next((one for one in journal if one.number == number), None)
    if entry is None or entry.terms is None:
        waiting = {one.number for one in journal if one.terms is not None} - {one.signs for one in journal}
        named = ", ".join(map(str, sorted(waiting))) or "none"
        raise AdoptionError(f"there is no policy {number}; waiting for a second signature: {named}")
    if any(one.signs == number for one in journal):
        raise AdoptionError(f"policy {number} already has both signatures")
    return entry.terms


def _enter(
    settings: Settings, person: str, now: dt.datetime, *, terms: Terms | None = None, signs: int | None = None
) -> Entry:
    """Write an entry behind the last one.

    Raises:
        AdoptionError: the signer wrote the policy, or somebody has signed it meanwhile.
        PolicyError: the journal is not what was signed.
    """
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        lock_journal(connection)
        journal = read_journal(connection)
        check(journal)
        if signs is not None:
            _unsigned(journal, signs)
            if journal[signs - 1].person == person:
                raise AdoptionError(
                    f"{person} wrote policy {signs}: a second person, with a key of their own, has to sign"
                )
        entry = next_entry(journal, person, now, terms=terms, signs=signs)
        append_entry(connection, entry)
    return entry


def _read(settings: Settings) -> list[Entry]:
    refuse_newer(settings.dsn())
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        return read_journal(connection)


def _refuse_other_model(plan: Plan, settings: Settings) -> None:
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    production = registry.version_of(PRODUCTION)
    if production is None or production.sha256 != plan.model_sha256:
        now = "nothing" if production is None else f"version {production.version}"
        raise AdoptionError(
            f"the plan is about version {plan.model_version} of {plan.model_name}, and {now} is in "
            "production: plan again"
        )


def _moment(given: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """When the policy begins to be valid.

    Raises:
        AdoptionError: that is over: who was answered until now was answered without it.
    """
    if given is None:
        return now
    moment = given.replace(tzinfo=dt.UTC)
    if moment < now:
        raise AdoptionError(f"{moment:%Y-%m-%d %H:%M} UTC has passed: a policy can only be valid from now on")
    return moment
