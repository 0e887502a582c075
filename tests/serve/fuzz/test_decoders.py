"""A short, seeded part of `make fuzz`: whatever bytes arrive, a decoder gives valid rows or refuses the caller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from tests.compiled_code import COMPILED_DIR
from tests.serve.fuzz import seeds
from tests.serve.fuzz.campaign import run_guided
from tests.serve.fuzz.check import Check
from tests.serve.fuzz.mutation import mutate
from tests.serve.fuzz.oracle import BrokenPromise, accepted, agreeing
from tests.serve.fuzz.tally import MEGABYTE, SharedTally
from tests.serve.fuzz.targets import Target, targets

INPUTS = 3_000
NAMES = [
    *("row object, compiled scan", "row objects, compiled scan", "compiled scan at a guard page", "JSON batches"),
    *(
        "JSON lines",
        "Arrow stream",
        "Parquet",
        "CSV",
        "MLflow JSON",
        "v2 JSON and binary tensors",
        "gzip",
        "deflate",
        "zstd",
    ),
    *("headers", "framing of requests"),
]

# Inputs that once showed a fault, and others of their kind.
FOUND = {
    "a login that is not ASCII": ("headers", b"authorization: Basic YWRt\xffaW46"),
    "a login that is not UTF-8 inside": ("headers", b"authorization: Basic //79"),
    "a length with a superscript digit": ("headers", b"content-type: application/json\ncontent-length: 1\xb20"),
    "a length of thousands of digits": ("headers", b"content-type: application/json\ncontent-length: " + b"9" * 5000),
}


@pytest.fixture(scope="module")
def decoders() -> Mapping[str, Target]:
    return targets(COMPILED_DIR)


def test_every_decoder_is_fuzzed(decoders: Mapping[str, Target]) -> None:
    assert list(decoders) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_mutations_of_good_bodies_are_read_or_refused(
    decoders: Mapping[str, Target], name: str, tmp_path: Path
) -> None:
    target, random = decoders[name], Random(20)
    check = Check(target, INPUTS, SharedTally(tmp_path / "tally"), tmp_path)
    for number in range(INPUTS):
        body = target.seeds[number % len(target.seeds)]
        check.feed(mutate(body, random, seeds.WORDS) if number >= len(target.seeds) else body)
    assert [file.read_text() for file in tmp_path.glob("*.txt")] == []
    assert check.tally.inputs == check.tally.accepted + check.tally.refused == INPUTS
    assert check.tally.accepted > 0
    assert check.tally.growth_bytes < 32 * MEGABYTE


@pytest.mark.parametrize("found", FOUND)
def test_inputs_that_the_fuzzer_found_are_refused(decoders: Mapping[str, Target], found: str) -> None:
    name, body = FOUND[found]
    assert not accepted(decoders[name].read, body)


def test_the_fuzzer_sees_a_decoder_that_breaks(decoders: Mapping[str, Target], tmp_path: Path) -> None:
    def fragile(body: bytes) -> None:
        if b"7" in body:
            raise KeyError(body)

    check = Check(Target("fragile", [b"0"], fragile), 1, SharedTally(tmp_path / "tally"), tmp_path)
    check.feed(b"0")
    assert check.tally.faults == 0
    check.feed(b"17")
    assert check.tally.faults == 1
    assert next(tmp_path.glob("fragile-*.input")).read_bytes() == b"17"


def test_the_fuzzer_sees_a_value_that_is_off_by_one_bit(decoders: Mapping[str, Target]) -> None:
    good = decoders["JSON lines"]

    def off(body: bytes) -> object:
        rows = good.read(body)
        assert rows is not None
        rows.matrix.view("u4")[0, 0] ^= 1
        return rows

    with pytest.raises(BrokenPromise, match="the matrices differ"):
        accepted(agreeing(off, good.read), good.seeds[0])  # type: ignore[arg-type]


def test_the_guided_fuzzer_runs_and_counts(tmp_path: Path) -> None:
    seen = []
    result = run_guided("JSON lines", 1_000, 3, tmp_path, lambda _, done: seen.append(done))
    assert (result.tally.inputs, result.faults, result.deaths) == (1_000, 0, 0), (
        tmp_path / "libfuzzer.log"
    ).read_text()
    assert result.tally.accepted > 0


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_guided_inputs_are_read_or_refused(name: str, tmp_path: Path) -> None:
    result = run_guided(name, 80_000, 5, tmp_path, lambda _step, _done: None)
    assert result.tally.inputs == 80_000
    assert result.faults == 0, [file.read_text() for file in (tmp_path / "faults").glob("*.txt")]
