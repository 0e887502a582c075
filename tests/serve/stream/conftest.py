"""One small model for all tests of streams."""

from __future__ import annotations

import pytest

from serve.batch.worker import ModelChoice
from tests.serve.batch.scoring_files import make_model


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    return make_model(tmp_path_factory.mktemp("run"))
