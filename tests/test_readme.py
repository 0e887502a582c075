"""What the README shows works when it is pasted, from the first line to the last."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.live_stack import LiveStack

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CALLS = [block for language, block in BLOCKS if not language and block.startswith(("KEY=", "curl "))]
SETTING_UP, *SHOWN = CALLS


@pytest.mark.parametrize("call", SHOWN, ids=lambda call: " ".join(call.split()[:3]))
def test_a_call_can_be_pasted(stack: LiveStack, tmp_path: Path, call: str) -> None:
    (tmp_path / ".run").symlink_to(stack.run_dir)
    pasted = (SETTING_UP + call).replace("http://127.0.0.1:8000", stack.url).replace("curl -s", "curl -sS --fail")
    done = subprocess.run(pasted, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")


def test_the_calls_are_there() -> None:
    assert SETTING_UP.startswith("KEY=$(grep")
    assert {"/predict", "/batch_predict", "/model-info", "/update-model"} <= set(
        re.findall(r"http://127\.0\.0\.1:8000(/[a-z_-]+)", " ".join(SHOWN))
    )
