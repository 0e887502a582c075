"""What happened, on one page that fetches nothing: a table a step, and two plots."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader

from fraud.report.page import page_environment
from fraud.verdict import Verdict
from tests.acceptance.flow import Acceptance
from train.axes import labelled_axes, save_png

WORD: Final = {
    Verdict.PASS: "accepted",
    Verdict.FAIL: "not accepted",
    Verdict.INCONCLUSIVE: "could not be decided",
    Verdict.ERROR: "error",
}


def html_page(acceptance: Acceptance, scale: float, seconds: float) -> str:
    """The page."""
    months = acceptance.months()
    plots = acceptance.plots_of_months()
    return (
        _environment()
        .get_template("page.html")
        .render(
            acceptance=acceptance,
            word=WORD,
            scale=scale,
            minutes=seconds / 60,
            psi_plot=_psi_plot(acceptance) if len(acceptance.steps) > 1 else None,
            months=None if months is None else list(zip(months["decisions"], months["coming"], strict=True)),
            months_plot=_encoded(plots[-1].read_bytes()) if plots else None,
            figure=lambda value: "-" if value is None else f"{value:.4f}",
        )
    )


def _environment() -> Environment:
    environment = page_environment("fraud.report")
    assert environment.loader is not None
    environment.loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent), environment.loader])
    return environment


def _psi_plot(acceptance: Acceptance) -> str | None:
    try:
        windows = acceptance.drift()["windows"]
    except OSError:
        return None
    if not windows or not windows[0]["variables"]:
        return None
    variables = sorted(windows[0]["variables"], key=lambda variable: variable["psi"])
    axes = labelled_axes("The batch beside what the model knew", "population stability index (PSI)", "")
    colours = ["C3" if variable["verdict"] != "pass" else "C7" for variable in variables]
    axes.barh([variable["name"] for variable in variables], [variable["psi"] for variable in variables], color=colours)
    target = io.BytesIO()
    save_png(axes, target)
    return _encoded(target.getvalue())


def _encoded(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")
