"""A file imports only from its own layer or a lower one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What a part may import, beside itself.
ALLOWED = {
    "fraud": set(),
    "initdb": {"fraud"},
    "serve.engine": {"fraud"},
    "convert": {"fraud", "serve.engine"},
    "train": {"fraud", "serve.engine", "convert"},
    "serve": {"fraud", "serve.engine"},
    "bench": {"fraud", "serve.engine", "convert", "train", "serve"},
    "bench.gate": {"fraud", "serve.engine", "convert", "train", "serve", "bench"},
    "bench.plan": {"fraud", "serve.engine", "convert", "train", "serve", "bench", "bench.gate"},
    "bench.shadow": {"fraud", "serve.engine", "convert", "train", "serve", "bench", "bench.gate"},
    "bench.experiments": {"fraud", "serve.engine", "convert", "train", "serve", "bench", "bench.gate"},
    "desk": {"fraud", "serve.engine", "serve"},
    "jenkins": {"fraud", "serve.engine", "convert", "train", "serve", "bench", "bench.gate"},
}
PARTS = sorted(ALLOWED, key=len, reverse=True)


def part_of(module: str) -> str | None:
    return next((part for part in PARTS if module == part or module.startswith(part + ".")), None)


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


SOURCES = sorted(path for top in {part.split(".")[0] for part in ALLOWED} for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_does_not_reach_up(path: Path) -> None:
    own = part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert own is not None
    reached = {part_of(module) for module in imported_modules(path)} - {None, own}
    assert reached <= ALLOWED[own], f"{own} may not import from {reached - ALLOWED[own]}"
