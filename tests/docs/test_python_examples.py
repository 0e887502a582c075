"""The Python that pages show runs against a server, and its last line has the probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.docs.pages import PAGES, ROOT, Block, blocks_of
from tests.live_stack import API_KEY, LiveStack

ROWS = 3
EXAMPLES = [block for page in PAGES for block in blocks_of(page) if block.language == "python"]


def given() -> dict[str, Any]:
    """What the pages leave to their readers: a key, and applications in the form that the example sends."""
    frame = pd.DataFrame([EXAMPLE_INSTANCE] * ROWS, dtype="float64")
    return {
        "key": API_KEY,
        "frame": frame,
        "matrix": frame.to_numpy(dtype=np.float32),
        "table": pa.Table.from_pandas(frame, preserve_index=False),
    }


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda block: f"{block.page.relative_to(ROOT)}: {block.text.splitlines()[0]}"
)
def test_python_of_a_page_returns_a_probability_for_each_row(stack: LiveStack, example: Block) -> None:
    host, _, port = stack.url.removeprefix("http://").partition(":")
    text = example.text.replace("127.0.0.1:8000", f"{host}:{port}").replace('@127.0.0.1", 8000', f'@{host}", {port}')
    names = given()
    exec(compile(text, str(example.page), "exec"), names)  # noqa: S102 - our own pages
    probabilities = np.asarray(
        pd.DataFrame(names["probabilities"]).iloc[:, 0]
        if isinstance(names["probabilities"], pd.DataFrame)
        else names["probabilities"],
        dtype=float,
    )
    assert probabilities.shape == (ROWS,)
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_pages_have_python_for_each_protocol() -> None:
    assert len(EXAMPLES) >= 3
