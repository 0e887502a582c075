"""The report as one HTML page: no scripts, nothing to fetch, plots inside, so that it can be kept and mailed."""

from __future__ import annotations

import base64
from typing import Final

from jinja2 import Environment

from bench.gate.plot import Plot
from bench.gate.report.gate_report import GateReport
from bench.gate.report.latency_plot import latency_ratios
from fraud.group_report import FIGURES, shown_figure, shown_worst
from fraud.report.page import page_environment
from fraud.statistics.interval import Interval
from fraud.verdict import Verdict

MEANING: Final = {
    Verdict.PASS: "the candidate may be promoted",
    Verdict.FAIL: "production is unchanged",
    Verdict.INCONCLUSIVE: "inconclusive: too few or too noisy data; production is unchanged",
    Verdict.ERROR: "the gate could not run; production is unchanged",
    Verdict.DATA_QUALITY_FAULT: "the data can't be right; production is unchanged",
}


def html_page(report: GateReport) -> str:
    """The page."""
    template = _environment().get_template("page.html")
    kinds = report.latency.kinds if report.latency is not None else ()
    return template.render(
        report=report,
        quality=report.quality,
        latency=report.latency,
        meaning=MEANING[report.verdict],
        latency_plot=latency_ratios(kinds) if kinds else None,
        figures=FIGURES,
    )


def _environment() -> Environment:
    environment = page_environment("bench.gate.report")
    environment.filters |= {"interval": _interval, "signed": _signed, "data_uri": _data_uri}
    environment.filters |= {"group_figure": shown_figure, "worst": shown_worst}
    return environment


def _interval(interval: Interval) -> str:
    return f"{interval.estimate:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def _signed(interval: Interval) -> str:
    return f"{interval.estimate:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _data_uri(plot: Plot) -> str:
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode('ascii')}"
