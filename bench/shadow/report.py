"""A comparison as files: `verdict.json`, and a page with plots that is whole by itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

from bench.gate.plot import Plot
from bench.shadow.figures import GroupReview
from bench.shadow.plots import decisions_by_week, probabilities_of_both
from bench.shadow.result import MEANING, Comparison, Shadow
from fraud.report.files import write_files
from fraud.report.page import page_environment
from fraud.report.stored import Report, ReportKind
from fraud.report.verdict_file import verdict_json, write_verdict
from fraud.statistics.group_fairness import shown_ratio
from fraud.verdict import Verdict

PAGE_FILE: Final = "index.html"


def write_report(found: Shadow, folder: Path) -> None:
    """Write the page and `verdict.json` into the folder."""
    write_files(folder, {PAGE_FILE: html_page(found).encode()})
    write_verdict(folder, found.verdict, found.reasons, _details(found))


def stored_report(found: Shadow, page: str) -> Report:
    """The same for the database; `page` is what was written."""
    facts = verdict_json(found.verdict, found.reasons, _details(found))
    return Report(ReportKind.SHADOW, found.window.until, found.verdict, page, facts.decode())


def write_nothing_to_compare(folder: Path, reason: str, *, is_optional: bool) -> tuple[Verdict, tuple[str, ...]]:
    """Write `verdict.json` where there are not two versions; no page of an earlier comparison stays."""
    (folder / PAGE_FILE).unlink(missing_ok=True)
    verdict = Verdict.PASS if is_optional else Verdict.INCONCLUSIVE
    write_verdict(folder, verdict, (reason,), {})
    return verdict, (reason,)


def html_page(found: Shadow) -> str:
    """The page: no scripts, nothing to fetch."""
    environment = page_environment("bench.shadow")
    environment.filters |= {"share": _share, "review": _review, "data_uri": _data_uri, "effect": _effect}
    compared = found.comparison
    plots = [] if compared is None else [probabilities_of_both(compared), decisions_by_week(compared.figures.weeks)]
    return environment.get_template("page.html").render(
        found=found, compared=compared, meaning=MEANING[found.verdict], plots=plots
    )


def _details(found: Shadow) -> dict[str, Any]:
    return {
        "model_name": found.model_name,
        "champion": found.champion,
        "candidate": found.candidate,
        "window": found.window,
        "seconds": found.seconds,
        "limits": found.limits,
        "rows": found.rows,
        "record": found.record,
        "comparison": None if found.comparison is None else _of_both(found.comparison),
    }


def _of_both(compared: Comparison) -> dict[str, Any]:
    """All but what is drawn alone."""
    return {name: getattr(compared, name) for name in compared.__slots__ if name != "density"}


def _share(value: float) -> str:
    return f"{value:.2%}"


def _review(review: GroupReview) -> str:
    share = review.share
    beside = "" if review.ratio is None else f"; x {shown_ratio(review.ratio)}"
    return f"{share.estimate:.2%} ({share.low:.2%} to {share.high:.2%}){beside}"


def _effect(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _data_uri(plot: Plot) -> str:
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode('ascii')}"
