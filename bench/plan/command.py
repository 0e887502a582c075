"""`python -m bench plan`, and what makes its best choice a policy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.plan.adoption import adopt, sign
from bench.plan.errors import PlanError
from bench.plan.evidence import gather
from bench.plan.forecast import DAYS_A_WEEK, Price
from bench.plan.plan import PLAN_FOLDER, Limits, make_plan
from bench.plan.report import print_plan, stored_report, write_report
from fraud.command_line import CommandLine
from fraud.registry import PRODUCTION, Registry
from fraud.report.stored import store_report
from fraud.settings import DatabaseRole, load_settings
from train.maturity import label_cutoff

plan = CommandLine()
plan.command()(adopt)
plan.command()(sign)


@plan.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    *,
    cases: Annotated[float | None, typer.Option(min=0, help="Cases that officers can handle per week.")] = None,
    case_cost: Annotated[float | None, typer.Option(min=0, help="Cost of a case, EUR.")] = None,
    loss: Annotated[float | None, typer.Option(min=0, help="Loss of a quick divorce, EUR.")] = None,
    max_wrong: Annotated[
        float | None, typer.Option(min=0, help="Maximum number of couples per week that may be suspected wrongly.")
    ] = None,
    weeks: Annotated[int, typer.Option(min=2, help="Number of past weeks to plan from.")] = 8,
    ahead: Annotated[int, typer.Option(min=1, help="Number of future weeks that the bands cover.")] = 4,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of the report; default: <RUN_DIR>/plan.")
    ] = None,
) -> None:
    """Plan reviews: for each capacity the threshold, quick divorces found, wrongly suspected couples, EUR.

    Exit status: 0 planned, 2 error.
    """
    if context.invoked_subcommand is not None:
        return
    if cases is None or case_cost is None or loss is None:
        raise PlanError("give --cases, --case-cost and --loss: `python -m bench plan --help` explains them")
    settings = load_settings()
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    version = registry.version_of(PRODUCTION)
    if version is None:
        raise PlanError("nothing is in production: `python -m bench gate` promotes a candidate")
    evidence = gather(
        settings.dsn(DatabaseRole.TRAINER),
        registry,
        version,
        today=settings.today,
        label_cutoff=label_cutoff(settings.today, settings.label_maturity_days),
        weeks=weeks,
        minimum_of_each_label=settings.gate_min_positives,
    )
    limits = Limits(cases, Price(case_cost, loss), max_wrong)
    made = make_plan(evidence, limits, days_ahead=ahead * DAYS_A_WEEK, made_at=dt.datetime.now(dt.UTC))
    page, *_ = write_report(made, folder or settings.run_dir / PLAN_FOLDER)
    store_report(settings.dsn(DatabaseRole.TRAINER), stored_report(made, page.read_text(encoding="utf-8")))
    print_plan(Console(), made)
    typer.echo(f"Page: {page}")
