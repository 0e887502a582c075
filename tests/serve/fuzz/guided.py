"""`python -m tests.serve.fuzz.guided`: one decoder under atheris, whose inputs follow the coverage of our code.

A process of its own, started by `campaign`: libFuzzer ends the process that it runs in.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Annotated

import atheris
import typer

from fraud.command_line import CommandLine

MAX_BYTES = 16 * 1024
OWN_MUTATIONS = 0.8
"""Share of inputs that come from our mutations, which know of numbers and words; the others are libFuzzer's."""
FROM_SEEDS = 0.4
"""Share that is made of a good body, a step away: most of what coverage has led to is broken beyond reading."""
NOT_INSTRUMENTED = ["serve.decoding.row_scan", "serve.decoding.words", "serve.engine"]
"""Compiled by numba, which can't compile what atheris puts in."""


def fuzz(
    name: Annotated[str, typer.Option(help="The decoder.")],
    inputs: Annotated[int, typer.Option(help="How many inputs.")],
    seed: Annotated[int, typer.Option(help="Of all randomness.")],
    folder: Annotated[Path, typer.Option(help="For the corpus, the tally and the faults.")],
    tally: Annotated[Path, typer.Option(help="File of the tally.")],
) -> None:
    """Feed the decoder, and end."""
    with atheris.instrument_imports(include=["serve"], exclude=NOT_INSTRUMENTED):
        from tests.compiled_code import COMPILED_DIR
        from tests.serve.fuzz.targets import targets
    from tests.serve.fuzz.check import Check
    from tests.serve.fuzz.mutation import mutate
    from tests.serve.fuzz.seeds import WORDS
    from tests.serve.fuzz.tally import SharedTally

    target = targets(COMPILED_DIR)[name]
    check = Check(target, inputs, SharedTally(tally), folder / "faults")
    corpus = folder / "corpus" / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(body)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    generator = random.Random(seed)

    def mutated(body: bytes, max_size: int, _seed: int) -> bytes:
        draw = generator.random()
        if draw < FROM_SEEDS:
            body = generator.choice(target.seeds)
        elif draw > OWN_MUTATIONS:
            return bytes(atheris.Mutate(body, max_size))
        return mutate(body, generator, WORDS)[:max_size]

    options = [
        *(f"-runs={inputs}", f"-seed={seed}", f"-max_len={MAX_BYTES}", "-timeout=20", "-rss_limit_mb=4096"),
        *(f"-artifact_prefix={folder / 'faults' / name.replace(' ', '-')}-", f"-dict={words}", "-verbosity=0"),
        *("-print_final_stats=0", "-reload=0", "-len_control=0"),
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check.feed, custom_mutator=mutated)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    CommandLine(fuzz)()
