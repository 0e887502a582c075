"""`python -m convert MODEL.ubj OUT.onnx --rows ROWS.npy`: convert a native XGBoost model, or refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from convert import Conversion, convert
from convert.errors import EXIT_PARITY_FAILED, ConversionError, ParityError
from convert.source import Matrix, load_classifier
from fraud.command import EXIT_ERROR
from fraud.command_line import CommandLine
from fraud.errors import ProjectError

# Progress and errors: standard output has the report and nothing else.
_console = Console(stderr=True)


app = CommandLine(rich_markup_mode="markdown")


@app.command()
def main(
    model: Annotated[Path, typer.Argument(metavar="MODEL.ubj", help="The classifier, as XGBoost saved it.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write once the model has passed.")],
    rows: Annotated[
        Path,
        typer.Option(
            metavar="ROWS.npy",
            help="Real applications as a float32 NumPy array, columns in the order of the declared features, with NaN "
            "for a missing value. The proof takes 200,000 rows; from fewer it makes the rest of their values.",
        ),
    ],
) -> None:
    """Convert an XGBoost classifier to ONNX and prove that both give the same answers.

    Log-odds must be equal bit for bit and probabilities within a millionth, on the given rows and on rows constructed
    to lie on every threshold. The report is printed as JSON. Exit status: 0 the model has passed; 10 an answer differs;
    2 the model or the rows can't be used. In both of these cases no file is written.
    """
    try:
        conversion = _convert(model, rows)
        _write(out, conversion.model)
    except ProjectError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_PARITY_FAILED if isinstance(error, ParityError) else EXIT_ERROR) from error
    typer.echo(f"Compared {conversion.parity.rows}.", err=True)
    typer.echo(conversion.parity.to_json())


def _convert(model: Path, rows: Path) -> Conversion:
    classifier, matrix = load_classifier(model), _read_rows(rows)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=_console, transient=True) as bar:
        task = bar.add_task("rows compared", total=None)
        return convert(classifier, matrix, progress=lambda done, total: bar.update(task, completed=done, total=total))


def _read_rows(path: Path) -> Matrix:
    try:
        # Never a pickle: it could run code. Mapped, because the check goes through it in chunks.
        rows: Matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        # NumPy's own words advise to allow pickles.
        reason = error.strerror if isinstance(error, OSError) else "another format"
        raise ConversionError(f"{path}: the rows can't be read ({reason}); expected a NumPy .npy file") from error
    return rows


def _write(path: Path, model: bytes) -> None:
    # Under another name first, so that nobody ever loads half a model.
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_bytes(model)
        unfinished.replace(path)
    except OSError as error:
        raise ConversionError(f"{path}: the model can't be written ({error.strerror})") from error


if __name__ == "__main__":
    app()
