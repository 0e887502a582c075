"""`python -m bench scale`: how does each part grow with rows, workers, trees, servers?"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bench.experiments.peers.machine import describe_machine
from bench.experiments.scale.curve import Curve
from bench.experiments.scale.offline import drift_curves, engine_curves, file_curves, training_curves
from bench.experiments.scale.plot import draw, told
from bench.experiments.scale.serving import serving_curves
from bench.experiments.scale.sizes import MODERATE, QUICK, Sizes
from fraud.command import interrupt_once
from fraud.progress import TimedProgress

Part = Callable[[Sizes, Path, Callable[[str], None]], Iterable[Curve]]

PARTS: Final[Mapping[str, Part]] = {
    "serving": serving_curves,
    "engine": lambda sizes, folder, _: engine_curves(sizes, folder),
    "files": lambda sizes, folder, _: file_curves(sizes, folder),
    "training": lambda sizes, folder, _: training_curves(sizes, folder),
    "drift": lambda sizes, folder, _: drift_curves(sizes, folder),
}


def scale(
    *,
    only: Annotated[list[str] | None, typer.Option(help=f"Only these of {', '.join(PARTS)}; repeatable.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few small points, to check that everything works.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the points to this file.")] = None,
    png: Annotated[Path | None, typer.Option(help="Also draw them to this file.")] = None,
) -> None:
    """Measure curves on separate sites, with the slope of each on logarithmic axes and the point where it bends."""
    for name in only or ():
        if name not in PARTS:
            raise typer.BadParameter(f"--only {name}: expected one of {', '.join(PARTS)}")
    interrupt_once()
    load_before = os.getloadavg()
    curves: list[Curve] = []
    with TimedProgress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("setting up", total=None)
        for name, part in PARTS.items():
            if name not in (only or PARTS):
                continue
            bar.begin(task, name)
            with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as folder:
                Path(folder).chmod(0o755)  # as root, PostgreSQL runs as a user of its own
                curves.extend(part(QUICK if quick else MODERATE, Path(folder), lambda step: bar.begin(task, step)))
    _print(curves)
    if json_file is not None:
        written = {
            "machine": describe_machine({}),
            "load_average_before": load_before,
            "load_average_after": os.getloadavg(),
            "curves": [curve.as_dict() for curve in curves],
        }
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(written)) + b"\n")
    if png is not None:
        draw(curves, png)


def _print(curves: Iterable[Curve]) -> None:
    table = Table("curve", "over", "points", "on logarithmic axes")
    for curve in curves:
        points = ", ".join(f"{x:,.0f}: {y:,.4g}" for x, y in zip(curve.x, curve.y, strict=True))
        table.add_row(f"{curve.title}, {curve.y_label}", curve.x_label, points, told(curve))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
