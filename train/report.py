"""What `python -m train` prints."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from train.evaluate import Evaluation
from train.pipeline import Outcome
from train.split import Split


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print the parts, the chosen model and its quality, the parity and the version."""
    training = outcome.training
    console.print(_parts(training.split))
    console.print(_qualities(training.shipped_cross_fitted, training.twin_on_test))
    console.print(_facts(outcome))


def _parts(split: Split) -> Table:
    table = Table("part", "rows", "share", "divorces", "first day", "last day", title="Applications")
    total = sum(part.y.size for part in split.parts().values())
    for name, part in split.parts().items():
        share, first, last = part.y.size / total, part.dates[0].item(), part.dates[-1].item()
        table.add_row(name, f"{part.y.size:,}", f"{share:.1%}", f"{part.positive_rate:.2%}", str(first), str(last))
    return table


def _qualities(cross_fitted: Evaluation, test: Evaluation) -> Table:
    table = Table("figure", "shipped, cross-fitted", "twin, test", title="Quality, with 95% intervals")
    parts = (cross_fitted, test)
    rows = {
        "average precision": [str(part.average_precision) for part in parts],
        "ROC AUC": [str(part.roc_auc) for part in parts],
        "Brier score": [f"{part.brier_score:.4f}" for part in parts],
        "log loss": [f"{part.log_loss:.4f}" for part in parts],
        "mean probability": [f"{part.mean_probability:.4f}" for part in parts],
        f"precision in the top {test.review.capacity:.0%}": [f"{part.review.precision:.4f}" for part in parts],
        f"recall in the top {test.review.capacity:.0%}": [f"{part.review.recall:.4f}" for part in parts],
    }
    if any(part.effective_rows is not None for part in parts):
        rows["as much as so many of equal weight"] = [
            f"{part.rows if part.effective_rows is None else part.effective_rows:,.0f}" for part in parts
        ]
    for name, values in rows.items():
        table.add_row(name, *(value.replace("[", r"\[") for value in values))
    return table


def _facts(outcome: Outcome) -> Table:
    training, version = outcome.training, outcome.version
    scaling = training.shipped.scaling
    parity = outcome.conversions.shipped.parity
    table = Table(title="Model", show_header=False)
    table.add_row("chosen of", f"{len(training.trials)} recipes")
    for name, value in training.recipe.facts().items():
        table.add_row(name, value)
    table.add_row("calibrated log-odds", f"{scaling.slope:.3f} x margin {scaling.intercept:+.3f}")
    table.add_row("shipped beside its twin", str(outcome.agreement))
    table.add_row("parity: rows compared", str(parity.rows))
    table.add_row("parity: margins bit-equal", f"{parity.margin_bit_equal_share:.4%}")
    table.add_row("parity: largest difference", f"{parity.max_relative_difference:.2g} of a probability")
    table.add_row("SHA-256 of model.onnx", f"{version.sha256[:16]}...")
    table.add_row("registered", f"{version.name}, version {version.version}, candidate")
    table.add_row("data cutoff", str(version.data_cutoff))
    table.add_row("in production", "none" if outcome.production is None else f"version {outcome.production}")
    return table
