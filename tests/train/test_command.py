"""`python -m train` from a real PostgreSQL to a real MLflow server, and the exit status of every way it can end."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner, Result
from xgboost import DMatrix, XGBClassifier

from convert.errors import ParityError
from fraud.database import connect
from fraud.provenance import Provenance, ReferenceRows
from fraud.reference_profile import PROFILE_FILE, ReferenceProfile
from fraud.registry import (
    CANDIDATE,
    EXCLUDED_TAG,
    PARITY_MADE_ROWS_TAG,
    PARITY_REAL_ROWS_TAG,
    PRODUCTION,
    PROFILE_SHA256_TAG,
    RECONVERTED_FROM_TAG,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    Registry,
)
from fraud.stack.ports import hold_port
from serve.engine import ModelFile
from serve.engine.contributions import load_contributions
from tests.earlier_versions import register_without_golden_rows
from tests.serve.prediction_log_rows import fetch
from tests.train.quick_search import shorten_search
from train.__main__ import app
from train.dataset import Dataset
from train.servable import why_unservable


@pytest.fixture
def registry(
    filled_table: str,
    mlflow_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Registry:
    """The registry that the command under test will use, with a model of its own; settings are in place."""
    name = f"model-{request.node.name}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", filled_table)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    monkeypatch.setenv("MODEL_NAME", name)
    monkeypatch.setenv("REGISTRY_TIMEOUT_S", "5")
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    shorten_search(monkeypatch, 2)
    return Registry(mlflow_uri, name)


TODAY = "2024-03-01"


def train(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--today", TODAY, *arguments])


def test_a_candidate_with_all_its_files(  # noqa: PLR0915 - a training takes seconds: all it leaves is looked at
    registry: Registry, dataset: Dataset, filled_table: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    loaded = Provenance((ReferenceRows("Train_Dataset.csv", 7, 1.0, 8_000, 25_000.0, 700, 1_000, 340),))
    with connect(filled_table) as connection, connection.cursor() as cursor:
        cursor.execute("COMMENT ON TABLE divorce_predictions IS %s", (loaded.to_comment(),))
    result = train("--reason", "drift from version 0")
    assert result.exit_code == 0, result.output
    version = registry.version_of(CANDIDATE)
    assert version is not None
    assert (version.version, version.data_cutoff) == (1, dt.date(2024, 3, 1))
    assert registry.version_of(PRODUCTION) is None
    assert version.tags[RETRAINING_REASON_TAG] == "drift from version 0"
    for word in ("test", "average precision", version.sha256[:16], "version 1, candidate", "2024-02-29"):
        assert word in result.stdout

    client = MlflowClient(registry.tracking_uri)
    files = {file.path.removeprefix("model/") for file in client.list_artifacts(version.run_id, "model")}
    assert files >= {
        *("model.onnx", "model.ubj", "parity.json", "search.json", "model_card.md", "groups.json", "MLmodel"),
        *("plots", "twin", "contributions.msgpack"),
    }
    plots = client.list_artifacts(version.run_id, "model/plots")
    assert len(plots) == 4
    assert all(plot.path.endswith(".png") and (plot.file_size or 0) > 10_000 for plot in plots)
    assert not any("pkl" in name or "pickle" in name for name in files)

    model = registry.fetch_model(version)
    assert hashlib.sha256(model).hexdigest() == version.sha256
    native = XGBClassifier()
    native.load_model(registry.download_file(version, "model.ubj", tmp_path / "served"))
    rows = dataset.x[:1000]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more would add up the trees in another order
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (probability,) = session.run(None, {session.get_inputs()[0].name: rows})
    assert np.ravel(probability) == pytest.approx(native.predict_proba(rows)[:, 1], rel=1e-6)

    parity = msgspec.json.decode(registry.download_file(version, "parity.json", tmp_path / "served").read_bytes())
    assert parity["model_sha256"] == version.sha256
    real = int((dataset.dates < np.datetime64("2024-03-01")).sum())
    assert (parity["rows"]["real"], parity["rows"]["made"]) == (real, 200_000 - real)
    assert (version.tags[PARITY_REAL_ROWS_TAG], version.tags[PARITY_MADE_ROWS_TAG]) == (str(real), str(200_000 - real))

    contributions = registry.fetch_contributions(version)
    assert contributions is not None
    assert version.contributions_sha256 == parity["contributions"]["sha256"]
    assert parity["contributions"]["effect_max_difference"] <= parity["contributions"]["effect_tolerance"]
    explained = load_contributions(contributions, ModelFile.of(Path("model.onnx"), model))
    expected = native.get_booster().predict(DMatrix(rows), pred_contribs=True, validate_features=False)
    np.testing.assert_allclose(explained.effects(rows), expected[:, :-1], rtol=0, atol=1e-6)

    profile_file = registry.download_file(version, PROFILE_FILE, tmp_path / "served")
    assert hashlib.sha256(profile_file.read_bytes()).hexdigest() == version.tags[PROFILE_SHA256_TAG]
    profile = ReferenceProfile.from_json(profile_file.read_bytes())
    assert (profile.model_sha256, profile.data_cutoff) == (version.sha256, version.data_cutoff)
    bins = fetch(filled_table, "SELECT variable, thresholds FROM drift_bins WHERE model_version = 1 ORDER BY number")
    for variable, (name, thresholds) in zip(profile.variables, bins, strict=True):
        assert (name, np.array(thresholds, np.float32).tolist()) == (variable.name, variable.thresholds)

    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "drift from version 0, applications before 2024-03-01"
    described = client.get_model_version(registry.model_name, "1").description or ""
    assert described.startswith("## Purpose")
    assert "](/reports?kind=gate)" in described
    assert "## Data" in described
    assert run.data.params["data_cutoff"] == "2024-03-01"
    assert run.data.params["last_day"] == "2024-02-29"
    test = run.data.metrics
    assert test["test_average_precision_low"] < test["test_average_precision"] < test["test_average_precision_high"]
    assert version.tags["average_precision_test"] == repr(test["test_average_precision"])
    assert version.tags["average_precision_cross_fitted"] == repr(test["cross_fitted_average_precision"])

    assert test["twin_rows"] + test["test_rows"] == test["shipped_rows"] == np.sum(dataset.dates < np.datetime64(TODAY))
    twin = registry.fetch_twin(version)
    assert hashlib.sha256(twin).hexdigest() == version.twin_sha256 != version.sha256

    card = registry.download_file(version, "model_card.md", tmp_path / "served").read_text(encoding="utf-8")
    brier_score = f"{test['test_brier_score']:.4f}"
    hashes = (version.sha256, version.twin_sha256)
    origin = ("340 of the 1,000 divorces", str(loaded))
    for words in ("2024-03-01", *hashes, *origin, "judged twin", "`Education_Days`", brier_score):
        assert words in card
    assert f"({real:,} real, {200_000 - real:,} made of their values, " in card


def changes(dsn: str, registry: Registry) -> list[tuple[int, int | None]]:
    """What the history of versions in production says, the oldest first."""
    history = "SELECT version, before FROM model_changes WHERE model_name = %s ORDER BY number"
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(history, (registry.model_name,))
        return cursor.fetchall()


def test_only_the_first_version_is_promoted_and_the_same_seed_gives_the_same_model(
    registry: Registry, filled_table: str
) -> None:
    assert train("--promote-first", "--threads", "1").exit_code == 0
    second = train("--promote-first", "--threads", "2")
    assert second.exit_code == 0
    production, candidate = registry.version_of(PRODUCTION), registry.version_of(CANDIDATE)
    assert production is not None
    assert candidate is not None
    assert (production.version, candidate.version) == (1, 2)
    assert production.sha256 == candidate.sha256
    assert "version 1" in second.stdout.splitlines()[-2]
    assert changes(filled_table, registry) == [(1, None)], "a candidate alone changes nothing"


def test_version_that_can_no_longer_be_served_is_replaced(registry: Registry) -> None:
    assert train("--promote-first").exit_code == 0
    proven = registry.version_of(PRODUCTION)
    assert proven is not None
    assert why_unservable(registry, proven) is None
    assert train("--promote-first", "--only-first").stdout.strip() == (
        f"Version 1 of {registry.model_name} is in production already."
    )

    old = register_without_golden_rows(registry)
    registry.set_alias(PRODUCTION, old.version)

    done = train("--promote-first", "--only-first")
    assert done.exit_code == 0
    assert f"Version {old.version} of {registry.model_name} can't be served any more" in done.stdout
    assert "It can't be converted again: " in done.stdout, "it has no trees"
    replacement = registry.version_of(PRODUCTION)
    assert replacement is not None
    assert replacement.version == old.version + 1
    assert registry.model_version(old.version) == old, "it stays registered"


def test_version_with_its_trees_is_converted_anew_and_none_is_trained(
    registry: Registry, filled_table: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def must_not_run(*_: object) -> None:
        raise AssertionError("trained in vain")

    assert train("--promote-first").exit_code == 0
    first = registry.version_of(PRODUCTION)
    old = register_without_golden_rows(registry, with_trees=True)
    registry.set_alias(PRODUCTION, old.version)
    monkeypatch.setattr("train.pipeline.train_model", must_not_run)
    done = train("--promote-first", "--only-first")
    assert done.exit_code == 0, done.output
    assert f"Converted again, it is version {old.version + 1}, and in production." in done.stdout
    assert changes(filled_table, registry) == [(1, None), (old.version + 1, old.version)]

    new = registry.version_of(PRODUCTION)
    assert new is not None
    assert first is not None
    assert why_unservable(registry, new) is None
    assert new.tags[RECONVERTED_FROM_TAG] == str(old.version)
    assert (new.data_cutoff, new.tags[TEST_AP_TAG]) == (first.data_cutoff, first.tags[TEST_AP_TAG])
    models = [registry.fetch_model(version) for version in (new, old)]
    sessions = [onnxruntime.InferenceSession(model) for model in models]
    rows = np.random.default_rng(1).lognormal(5, 3, (1_000, 10)).astype(np.float32)
    answers = [session.run(None, {session.get_inputs()[0].name: rows})[0] for session in sessions]
    assert np.array_equal(*answers)

    data = registry.download_file(new, PROFILE_FILE, tmp_path / "profile").read_bytes()
    assert new.tags[PROFILE_SHA256_TAG] == hashlib.sha256(data).hexdigest()
    assert ReferenceProfile.from_json(data).model_sha256 == new.sha256
    bins = "SELECT count(*) FROM drift_bins WHERE model_version = %s"
    assert fetch(filled_table, bins, new.version) == [(11,)]
    assert registry.model_version(old.version) == old, "it stays registered"
    assert "in production already" in train("--promote-first", "--only-first").stdout


def test_a_failed_parity_registers_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert_wrongly(*_: object, **__: object) -> None:
        raise ParityError("row 3 differs")

    monkeypatch.setattr("train.registration.convert", convert_wrongly)
    result = train("--promote-first")
    assert result.exit_code == 10
    assert result.stderr.splitlines()[-1] == "error: row 3 differs"
    assert registry.version_of(CANDIDATE) is None
    assert registry.version_of(PRODUCTION) is None


def test_an_unreachable_registry_is_an_error_before_training(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_run(*_: object) -> None:
        raise AssertionError("trained in vain")

    monkeypatch.setattr("train.pipeline.load_dataset", must_not_run)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{hold_port()}/mlflow")
    result = train("--promote-first")
    assert result.exit_code == 2
    assert "error: the MLflow registry at" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("TODAY", "soon", "TODAY='soon'", id="a wrong setting"),
        pytest.param("MLFLOW_TRACKING_URI", "", "set MLFLOW_TRACKING_URI", id="no registry"),
        pytest.param("DATABASE_URL", "", "set DATABASE_URL", id="no database"),
    ],
)
def test_settings_faults(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = train()
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_data_fault_is_one_line(registry: Registry) -> None:
    result = CliRunner().invoke(app, ["--today", "2023-01-01"])
    assert result.exit_code == 2
    assert "the first is of 2024-01-01" in result.stderr.splitlines()[-1]
    assert registry.version_of(CANDIDATE) is None


def test_labels_that_are_not_mature_are_not_trained_on(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("LABEL_MATURITY_DAYS", "21")
    result = train()
    assert result.exit_code == 0, result.output
    version = registry.version_of(CANDIDATE)
    assert version is not None
    assert version.data_cutoff == dt.date(2024, 2, 9)
    last_day = MlflowClient(registry.tracking_uri).get_run(version.run_id).data.params["last_day"]
    assert last_day == "2024-02-08"


def test_the_version_says_where_its_test_part_began(registry: Registry) -> None:
    from mlflow import MlflowClient

    assert train().exit_code == 0
    version = registry.version_of(CANDIDATE)
    assert version is not None
    params = MlflowClient(registry.tracking_uri).get_run(version.run_id).data.params
    assert str(version.unseen_from) == params["test_start"]
    assert version.unseen_from < version.data_cutoff


def test_a_feature_that_is_left_out_stays_out_until_somebody_says_otherwise(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_search(monkeypatch, 1)
    refused = train("--without", "Age")
    assert (refused.exit_code, registry.version_of(CANDIDATE)) == (2, None)
    assert "no feature to leave out: Age" in refused.stderr

    runs = [
        (("--promote-first", "--without", "Age_Days"), {}, "Age_Days"),
        ((), {}, "Age_Days"),
        ((), {"EXCLUDED_FEATURES": "none"}, "none"),
    ]
    for number, (arguments, settings, excluded) in enumerate(runs, 1):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        result = train(*arguments)
        assert result.exit_code == 0, result.output
        version = registry.version_of(CANDIDATE)
        assert version is not None
        assert (version.version, version.tags[EXCLUDED_TAG]) == (number, excluded)
    first = registry.version_of(PRODUCTION)
    assert first is not None
    card = registry.download_file(first, "model_card.md", tmp_path / "card").read_text(encoding="utf-8")
    assert "Trees split on all features but: `Age_Days`." in card
    assert "| with `Age_Days` |" in card
    native = XGBClassifier()
    native.load_model(registry.download_file(first, "model.ubj", tmp_path / "card"))
    assert "f3" not in set(native.get_booster().trees_to_dataframe()["Feature"])
