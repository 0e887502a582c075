"""What documents, comments and commands name is there: a rename changes them too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("bench", "convert", "desk", "fraud", "initdb", "jenkins", "requirements", "serve", "tests", "train")
MODULES = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
PAGES = [path for folder in ("bench", "deploy", "docs") for path in (ROOT / folder).rglob("*.md")]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES, ROOT / "Makefile"])
SCRIPTS = sorted(
    path for top in FOLDERS for name in ("*Jenkinsfile", "*.sh", "*Dockerfile") for path in (ROOT / top).rglob(name)
)
TEXTS = [*DOCUMENTS, *SCRIPTS, *(ROOT / module for module in MODULES)]
OTHERS = {"http.server", "pip", "pytest", "venv"}


def runnable(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def defined(name: str) -> bool:
    """Whether a dotted name is a module, a folder, or what its module or package defines."""
    *parents, last = name.split(".")
    if ROOT.joinpath(*parents, last).is_dir() or ROOT.joinpath(*parents, f"{last}.py").is_file():
        return True
    places = (ROOT.joinpath(*parents).with_suffix(".py"), ROOT.joinpath(*parents, "__init__.py"))
    definition = rf"^(?:(?:async )?def|class) {last}\b|^{last}\b *[:=]|^from .* import .*\b{last}\b"
    return any(path.is_file() and re.search(definition, path.read_text(), re.MULTILINE) for path in places)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"python -m ([a-z_0-9]+(?:\.[a-z_0-9]+)*)", path.read_text()))
    assert {module for module in named - OTHERS if not runnable(module)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_that_a_document_names_exists(path: Path) -> None:
    known = [f"/{module}" for module in MODULES]
    named = set(re.findall(r"`([\w./-]+\.py)\b", path.read_text()))
    assert {name for name in named if not any(module.endswith(f"/{name}") for module in known)} == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_dotted_name_in_a_comment_is_defined(path: Path) -> None:
    named = set(re.findall(rf"`((?:{'|'.join(FOLDERS)})(?:\.[A-Za-z_0-9]+)+)[`(]", path.read_text()))
    assert {name for name in named if not defined(name)} == set()
