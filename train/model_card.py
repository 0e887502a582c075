"""The model card (Mitchell et al. 2019, "Model Cards for Model Reporting"), short enough to be read."""

from __future__ import annotations

from convert.parity_report import ParityReport
from fraud.features import FEATURES
from train.data_origin import limits, origin
from train.evaluate import Evaluation
from train.training import Training


def model_card(training: Training, parity: ParityReport) -> str:
    """The card as Markdown."""
    return (
        "\n\n".join(
            (
                "# Probability of a quick divorce after a marriage loan",
                _purpose(),
                _data(training),
                _model(training),
                _quality(training),
                _parity(parity),
                _features(),
                _limits(training),
            )
        )
        + "\n"
    )


def _purpose() -> str:
    return (
        "## Purpose\n\n"
        "Gives the probability that a couple who apply for a marriage loan divorce soon after it. It orders\n"
        "applications for review by case officers. It is not made to refuse an application by itself."
    )


def _data(training: Training) -> str:
    split = training.split
    rows = [
        ("training", split.training, split.first_day, split.validation_start),
        ("validation", split.validation, split.validation_start, split.test_start),
        ("test", split.test, split.test_start, None),
    ]
    lines = [
        f"| {name} | {part.y.size:,} | {part.positive_rate:.2%} | {start} | {end or f'{split.last_day} (included)'} |"
        for name, part, start, end in rows
    ]
    return "\n".join(
        (
            "## Data",
            "",
            f"Applications dated before {training.cutoff} (the data cutoff), split by time between whole days.",
            origin(split.test.provenance),
            "",
            "| part | rows | divorces | from | before |",
            "|---|---:|---:|---|---|",
            *lines,
        )
    )


def _model(training: Training) -> str:
    chosen = training.chosen.candidate
    return (
        "## Model\n\n"
        f"XGBoost, {training.chosen.trees} trees of depth {chosen.max_depth}: learning rate {chosen.learning_rate:g}, "
        f"sampling of rows and columns {chosen.sample_share:g}, least child weight {chosen.min_child_weight:g}, "
        f"weight of positives {chosen.scale_pos_weight:.4g}, seed {training.seed}.\n"
        f"Chosen among {len(training.trials)} by average precision on validation; grown on the training part only.\n"
        f"Calibrated on validation (Platt scaling): log-odds = {training.scaling.slope:.4f} x margin "
        f"{training.scaling.intercept:+.4f}, written into the trees."
    )


def _quality(training: Training) -> str:
    parts = (training.validation, training.test)
    figures = {
        "average precision (AUC-PR)": [str(part.average_precision) for part in parts],
        "ROC AUC": [str(part.roc_auc) for part in parts],
        "Brier score": [f"{part.brier_score:.4f}" for part in parts],
        "log loss": [f"{part.log_loss:.4f}" for part in parts],
        "positive rate (average precision of chance)": [f"{part.positive_rate:.4f}" for part in parts],
        "mean predicted probability": [f"{part.mean_probability:.4f}" for part in parts],
        _review_name(training.test): [f"{part.review.precision:.4f} / {part.review.recall:.4f}" for part in parts],
    }
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in figures.items()]
    return "\n".join(
        (
            "## Quality",
            "",
            "In brackets: 95% interval of a stratified bootstrap over rows.",
            "",
            "| figure | validation | test |",
            "|---|---|---|",
            *lines,
        )
    )


def _review_name(evaluation: Evaluation) -> str:
    return f"precision / recall when the top {evaluation.review.capacity:.0%} are reviewed"


def _parity(parity: ParityReport) -> str:
    return (
        "## Parity of the ONNX model with XGBoost\n\n"
        f"Compared on {parity.rows}. Margins bit-equal: "
        f"{parity.margin_bit_equal_share:.4%} of rows. Largest difference of a probability: "
        f"{parity.max_relative_difference:.2g} relative, {parity.max_absolute_difference:.2g} absolute "
        f"(allowed: {parity.relative_tolerance:.2g} relative).\n"
        f"SHA-256 of `model.onnx`: `{parity.model_sha256}`"
    )


def _features() -> str:
    lines = [f"| `{feature.name}` | {feature.unit} | {feature.meaning} |" for feature in FEATURES]
    return "\n".join(("## Features", "", "| name | unit | meaning |", "|---|---|---|", *lines))


def _limits(training: Training) -> str:
    return (
        "## Limits\n\n"
        f"{limits(training.split.test.provenance)}"
        "- Age is a feature: before use, an agency must examine what the model does to groups of applicants.\n"
        "- Applicants unlike those in the data window make the probabilities wrong; drift monitoring looks for them.\n"
        "- Probabilities are those of the validation part: where divorces have become more frequent since, they lag\n"
        "  behind, as the mean predicted probability beside the positive rate above shows.\n"
        "- The intervals hold for rows drawn anew from the same time; they don't foresee changes over time."
    )
