"""A local copy is served only when it is what was registered."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from serve.model.model_store import Manifest, ModelStore, ModelStoreError

CONTENT = b"a model"
TABLES = b"its tables of contributions"


def manifest(version: int = 4, content: bytes = CONTENT) -> Manifest:
    return Manifest("divorce-model", version, hashlib.sha256(content).hexdigest(), dt.date(2026, 5, 1))


def explained(version: int = 4) -> Manifest:
    return msgspec.structs.replace(manifest(version), contributions_sha256=hashlib.sha256(TABLES).hexdigest())


def test_a_new_store_has_no_model(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "models").current() is None


def test_the_current_version_is_found_by_the_next_process(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(manifest(), lambda: CONTENT)
    assert store.current() is None
    store.make_current(4)
    found = ModelStore(tmp_path).current()
    assert found is not None
    assert found.manifest == manifest()
    assert found.model.content == CONTENT


def test_a_truncated_download_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(manifest(), lambda: CONTENT)
    store.make_current(4)
    with pytest.raises(ModelStoreError, match=r"version 5 .* is damaged"):
        store.add(manifest(5), lambda: CONTENT[:-1])
    found = store.current()
    assert found is not None
    assert found.manifest.model_version == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4", "current.json", "lock"]


def test_a_version_handed_out_stays_as_verified(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(manifest(), lambda: CONTENT)
    model = store.get(4).model
    model.path.write_bytes(b"another")
    assert (model.content, model.sha256) == (CONTENT, manifest().sha256)


@pytest.mark.parametrize("missing", ["model.onnx", "contributions.msgpack"])
def test_a_version_without_its_file_is_fetched_again(tmp_path: Path, missing: str) -> None:
    store = ModelStore(tmp_path)
    store.add(explained(), lambda: CONTENT, lambda: TABLES)
    store.make_current(4)
    (tmp_path / "4" / missing).unlink()
    assert store.current() is None
    store.add(explained(), lambda: CONTENT, lambda: TABLES)
    assert store.current() is not None


def test_tables_of_contributions_are_kept_with_their_model(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(explained(), lambda: CONTENT, lambda: TABLES)
    assert (store.get(4).model.content, store.get(4).contributions) == (CONTENT, TABLES)


def test_a_copy_of_before_there_were_tables_is_read_and_fetched_again_once_there_are(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.add(manifest(), lambda: CONTENT)
    written = json.loads((tmp_path / "4" / "manifest.json").read_bytes())
    del written["contributions_sha256"]
    (tmp_path / "4" / "manifest.json").write_bytes(json.dumps(written).encode())
    assert store.get(4).contributions is None
    store.add(explained(), lambda: CONTENT, lambda: TABLES)
    assert store.get(4).contributions == TABLES


@pytest.mark.parametrize("fetched", [b"others", b"", None])
def test_other_tables_than_were_registered_leave_the_store_as_it_was(tmp_path: Path, fetched: bytes | None) -> None:
    store = ModelStore(tmp_path)
    with pytest.raises(ModelStoreError, match=r"contributions\.msgpack has SHA-256 .* is damaged"):
        store.add(explained(), lambda: CONTENT, lambda: fetched)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]


@pytest.mark.parametrize("damaged", ["4/model.onnx", "4/contributions.msgpack", "4/manifest.json", "current.json"])
def test_a_damaged_file_is_not_served(tmp_path: Path, damaged: str) -> None:
    store = ModelStore(tmp_path)
    store.add(explained(), lambda: CONTENT, lambda: TABLES)
    store.make_current(4)
    (tmp_path / damaged).write_bytes(b'{"model')
    assert store.current() is None
