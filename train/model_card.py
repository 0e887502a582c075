"""The model card (Mitchell et al. 2019, "Model Cards for Model Reporting"), short enough to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from convert.parity_report import ContributionParity, ParityReport
from fraud.features import FEATURES
from fraud.statistics.design_weights import effective_size
from train.agreement import Agreement
from train.data_origin import limits, origin
from train.dataset import joined
from train.evaluate import Evaluation
from train.groups_chapter import groups_chapter
from train.split import Split
from train.training import Training

DESCRIPTION_CHARACTERS: Final = 5000
"""The most that MLflow's database can store."""


def model_card(training: Training, shipped: ParityReport, twin: ParityReport, agreed: Agreement) -> str:
    """The card as Markdown; `shipped` and `twin` are the proofs of both models."""
    return (
        "\n\n".join(
            (
                "# Probability of a quick divorce after a marriage loan",
                _purpose(),
                _data(training),
                _models(training, agreed),
                _quality(training),
                groups_chapter(training.twin_groups, training.prices, training.recipe.excluded),
                _parity(shipped, twin),
                _features(training.recipe.excluded),
                _limits(training),
            )
        )
        + "\n"
    )


def version_description(training: Training) -> str:
    """The first chapters of the card, for the version's page in the registry, and where checks of it are."""
    return first_chapters((_purpose(), _REPORTS, _data(training), _quality(training)))


def first_chapters(chapters: Sequence[str]) -> str:
    """As many as a description in the registry has room for."""
    whole = [chapters[:count] for count in range(len(chapters) + 1)]
    return next(text for some in reversed(whole) if len(text := "\n\n".join(some)) <= DESCRIPTION_CHARACTERS)


_REPORTS: Final = (
    "## Reports\n\n"
    "Its reports: [gates](/reports?kind=gate), [drift checks](/reports?kind=drift), "
    "[verifications of the record](/reports?kind=verify). The whole model card is `model/model_card.md` of its run."
)


def _purpose() -> str:
    return (
        "## Purpose\n\n"
        "Returns the probability that a couple who apply for a marriage loan divorce soon after it. It orders\n"
        "applications for review by case officers. It is not made to refuse an application by itself."
    )


def _data(training: Training) -> str:
    split = training.split
    rows = [
        ("before the test", split.known, "twin and shipped model", split.first_day, str(split.test_start)),
        ("test", split.test, "shipped model alone", split.test_start, f"{split.last_day} (included)"),
    ]
    lines = [
        f"| {name} | {part.y.size:,} | {part.positive_rate:.2%} | {first} | {end} | {used} |"
        for name, part, used, first, end in rows
    ]
    return "\n".join(
        (
            "## Data",
            "",
            f"Applications dated before {training.cutoff} (the data cutoff), split by time between whole days.",
            weighting(training.split),
            origin(split.test.provenance),
            "",
            "| part | rows | divorces | from | before | fitted by |",
            "|---|---:|---:|---|---|---|",
            *lines,
        )
    )


def weighting(split: Split) -> str:
    """Whether labels are weighted, and how."""
    all_ = joined(split.known, split.test).weights
    if all_ is None:
        return "Labels are not weighted: each counts once, since outcomes of everybody are known."
    return (
        "**Labels are weighted** by the inverse of the probability of having been looked at (Horvitz-Thompson):\n"
        f"{np.count_nonzero(all_ > 1):,} of the {all_.size:,} applications stand for others too, each for "
        f"{all_.max():,.6g} at most. Training,\n"
        "calibration and every figure below are of all applicants whom they stand for; rows are counts of\n"
        f"applications. In all they tell as much as {effective_size(all_):,.0f} of equal weight "
        "(Kish's effective sample size)."
    )


def _models(training: Training, agreed: Agreement) -> str:
    shipped, twin = training.shipped.scaling, training.twin.scaling
    recipe = "; ".join(f"{name} {value}" for name, value in training.recipe.facts().items())
    chosen = (
        f"Chosen among {len(training.trials)} by mean average precision over time-ordered folds before the test."
        if training.trials
        else "The recipe of an earlier version: the search was not repeated."
    )
    return (
        "## Models\n\n"
        f"One recipe: XGBoost, {recipe}; seed {training.seed}. {chosen}\n\n"
        "- The **judged twin** (`twin/model.onnx`) is the recipe fitted on what is older than the test part. The\n"
        "  gate compares twins; it serves nobody.\n"
        "- The **shipped model** (`model.onnx`) is the recipe fitted on everything before the data cutoff. It\n"
        "  serves.\n\n"
        "Each is calibrated by Platt scaling on margins of its own newest twentieth, predicted by trees that were\n"
        "fitted before it began, written into the trees: log-odds = "
        f"{shipped.slope:.4f} x margin {shipped.intercept:+.4f} (shipped), "
        f"{twin.slope:.4f} x margin {twin.intercept:+.4f} (twin).\n"
        f"Both beside each other on the test part: {agreed}."
    )


def _quality(training: Training) -> str:
    parts = (training.shipped_cross_fitted, training.twin_on_test)
    figures = {
        "average precision (AUC-PR)": [str(part.average_precision) for part in parts],
        "ROC AUC": [str(part.roc_auc) for part in parts],
        "Brier score": [f"{part.brier_score:.4f}" for part in parts],
        "log loss": [f"{part.log_loss:.4f}" for part in parts],
        "positive rate (average precision of chance)": [f"{part.positive_rate:.4f}" for part in parts],
        "mean predicted probability": [f"{part.mean_probability:.4f}" for part in parts],
        _review_name(training.twin_on_test): [
            f"{part.review.precision:.4f} / {part.review.recall:.4f}" for part in parts
        ],
    }
    weighted = any(part.effective_rows is not None for part in parts)
    if weighted:
        figures["rows of equal weight that would tell as much"] = [
            f"{part.rows if part.effective_rows is None else part.effective_rows:,.0f}" for part in parts
        ]
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in figures.items()]
    return "\n".join(
        (
            "## Quality",
            "",
            "No figure is of rows that the trees in question were fitted on, so none is of the shipped model's own",
            "trees: they know all rows. Its recipe is judged by cross-fitting, each block of the newest fifth by trees",
            "fitted on all but the block, with its own calibration; its twin on the test part, all of it newer.",
            f"In brackets: 95% interval of a {'' if weighted else 'stratified '}bootstrap over rows.",
            "",
            "| figure | shipped model's recipe, cross-fitted on the newest fifth | judged twin on the test part |",
            "|---|---|---|",
            *lines,
        )
    )


def _review_name(evaluation: Evaluation) -> str:
    return f"precision / recall when the top {evaluation.review.capacity:.0%} are reviewed"


def _parity(shipped: ParityReport, twin: ParityReport) -> str:
    return "\n".join(
        (
            "## Parity of the ONNX models with XGBoost",
            "",
            f"Allowed: {shipped.relative_tolerance:.2g} relative.",
            "",
            "| | shipped model | judged twin |",
            "|---|---|---|",
            *(f"| {name} | {figure(shipped)} | {figure(twin)} |" for name, figure in _PARITY_FIGURES.items()),
        )
    )


def _contributions(parity: ParityReport, figure: Callable[[ContributionParity], str]) -> str:
    return "none" if parity.contributions is None else figure(parity.contributions)


_PARITY_FIGURES: Final[dict[str, Callable[[ParityReport], str]]] = {
    "rows compared": lambda parity: str(parity.rows),
    "margins bit-equal": lambda parity: f"{parity.margin_bit_equal_share:.4%} of rows",
    "largest relative difference of a probability": lambda parity: f"{parity.max_relative_difference:.2g}",
    "largest absolute difference of a probability": lambda parity: f"{parity.max_absolute_difference:.2g}",
    "contributions compared": lambda parity: _contributions(parity, lambda found: f"{found.rows:,} rows"),
    "largest difference of a contribution, log-odds": lambda parity: _contributions(
        parity, lambda found: f"{found.effect_max_difference:.2g}"
    ),
    "SHA-256 of `model.onnx`": lambda parity: f"`{parity.model_sha256}`",
}


def _features(excluded: Sequence[str]) -> str:
    lines = [
        f"| `{feature.name}` | {feature.unit} | {feature.meaning} | {'no' if feature.name in excluded else 'yes'} |"
        for feature in FEATURES
    ]
    return "\n".join(("## Features", "", "| name | unit | meaning | used |", "|---|---|---|---|", *lines))


def _limits(training: Training) -> str:
    return (
        "## Limits\n\n"
        f"{limits(training.split.test.provenance)}"
        "- Who is suspected, above, is of the test part: before use, an agency must decide whether it may be so.\n"
        "- Applicants unlike those in the data window make the probabilities wrong; drift monitoring looks for them.\n"
        "- Probabilities are those of the newest fifth: where divorces become more frequent, they lag behind.\n"
        "- The intervals hold for rows drawn again from the same time; they don't foresee changes over time."
    )
