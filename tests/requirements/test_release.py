"""A release is one version everywhere, with a section in the changelog."""

from __future__ import annotations

from pathlib import Path

import pytest

from requirements.release import faults

FILES = {
    "pyproject.toml": '[project]\nversion = "1.2.3"\n',
    "serve/app.py": 'VERSION: Final = "1.2.3"\n',
    "docker-compose.yml": "image: marriage-loan-scoring/serve:1.2.3\nimage: marriage-loan-scoring/train:1.2.3\n",
    "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- A thing.\n",
}


def found(folder: Path, version: str = "1.2.3", **changed: str) -> list[str]:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(changed.get(path.stem.split("-")[-1], text))
    return [*faults(version, folder)]


def test_a_tree_of_one_version_may_be_released(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"pyproject": '[project]\nversion = "1.2.2"\n'}, "pyproject.toml names 1.2.2"),
        ({"app": ""}, "serve/app.py names no version"),
        ({"compose": FILES["docker-compose.yml"].replace("train:1.2.3", "train:1.2.2")}, "names 1.2.2, 1.2.3"),
        ({"CHANGELOG": "# Changelog\n\n## [Unreleased]\n"}, "no section `## [1.2.3] - DATE`"),
        ({"CHANGELOG": "## [1.2.3]\n\n- A thing.\n"}, "has no date"),
        ({"CHANGELOG": "## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-01\n\n- A thing.\n"}, "says nothing"),
        ({"CHANGELOG": "## [Unreleased]\n\n- More.\n\n## [1.2.3] - 2026-12-01\n\n- A thing.\n"}, "belongs to"),
    ],
)
def test_what_is_of_no_version_or_of_another_is_told(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    (fault,) = found(tmp_path, **changed)
    assert told in fault


def test_a_version_has_three_numbers(tmp_path: Path) -> None:
    assert "expected three numbers" in found(tmp_path, "v1.2")[0]
