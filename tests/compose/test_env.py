"""`.env.example` names what compose uses, and `make env` fills it in without touching what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fraud.api_keys import ApiKey, Role, parse_api_keys
from tests.compose.compose_file import ENV_EXAMPLE, project, required_variables, used_variables
from tests.compose.env_file import copy_what_make_env_reads, make_env


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    copy_what_make_env_reads(tmp_path)
    return tmp_path


def test_the_example_names_exactly_what_compose_uses() -> None:
    required = re.findall(r"^([A-Z_]+)=$", ENV_EXAMPLE.read_text(), re.MULTILINE)
    optional = dict(re.findall(r"^#([A-Z_]+)=(.*)$", ENV_EXAMPLE.read_text(), re.MULTILINE))
    assert {**dict.fromkeys(required), **optional} == used_variables()


def test_every_name_in_the_example_is_explained() -> None:
    lines = ENV_EXAMPLE.read_text().splitlines()
    blocks = "\n".join(lines).split("\n\n")
    for block in blocks:
        assert block.startswith("# "), f"no word of what it is for: {block}"


def test_a_fresh_clone_gets_random_secrets_that_only_its_owner_reads(clone: Path) -> None:
    values = make_env(clone)
    assert set(values) == set(required_variables())
    project(values)
    (entry,) = parse_api_keys(values.pop("API_KEYS"))
    assert entry == ApiKey.of(values["SCORING_API_KEY"], "local", [Role.SCORE, Role.READ])
    assert all(len(value) == 44 for value in values.values())
    assert len(set(values.values())) == len(values)
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600


def test_existing_values_are_kept_and_new_ones_added(clone: Path) -> None:
    (clone / ".env").write_text("ADMIN_PASSWORD=chosen-by-hand\nSERVE_CPUS=4")
    values = make_env(clone)
    assert (values["ADMIN_PASSWORD"], values["SERVE_CPUS"]) == ("chosen-by-hand", "4")
    assert make_env(clone) == values
    project(values)
