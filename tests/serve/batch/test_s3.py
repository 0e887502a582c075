"""Inputs and outputs in S3: the same answers as on a disk, committed by part, and faults told without credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

from serve.batch import csv_file, publishing
from serve.batch.errors import BatchError
from serve.batch.worker import ModelChoice, Worker
from tests.serve.batch.scoring_files import (
    Told,
    batch_command,
    bits,
    good_rows,
    read_table,
    score,
    table_of,
    write_table,
)

KEY, SECRET = "AKIAKEYOFNOBODY12345", "sEcReT-of-nobody"
ROWS = good_rows(3_000, seed=4)
ROWS[1_700, 3] = -1
IDS = [f"a-{number}" for number in range(len(ROWS))]


class Killed(BaseException):
    """The process ends here."""


class Store:
    """A store like S3, with a bucket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.query = f"?scheme=http&endpoint_override={address}&region=eu-central-1"
        self.files = pafs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            scheme="http",
            endpoint_override=address,
            region="eu-central-1",
            allow_bucket_creation=True,
        )

    def names(self, folder: str) -> list[str]:
        selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
        found = [info.path for info in self.files.get_file_info(selector) if info.type == pafs.FileType.File]
        return sorted(name.removeprefix(f"{folder}/") for name in found)

    def upload(self, path: Path, name: str) -> None:
        with self.files.open_output_stream(name) as file:
            file.write(path.read_bytes())

    def download(self, name: str, path: Path) -> Path:
        with self.files.open_input_file(name) as file:
            path.write_bytes(file.read())
        return path


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    threaded = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    try:
        host, port = threaded.get_host_and_port()
        yield Store(f"{host}:{port}")
    finally:
        threaded.stop()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """With the file `bucket/in.csv`, whose lines make several parts; the bucket is new."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(csv_file, "BLOCKS_A_PART", 2)
    if server.files.get_file_info("bucket").type != pafs.FileType.NotFound:
        server.files.delete_dir_contents("bucket")
    server.files.create_dir("bucket")
    server.upload(write_table(table_of(ROWS, IDS), tmp_path / "in.csv"), "bucket/in.csv")
    return server


def _dying(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
    """The process ends after the call of that number."""
    real: Callable[..., object] = getattr(owner, name)
    count = 0

    def call(*arguments: object, **named: object) -> object:
        nonlocal count
        result = real(*arguments, **named)
        count += 1
        if count == calls:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet", "out.arrow"])
def test_a_file_of_a_bucket_is_scored_as_one_of_a_disk(
    model: ModelChoice, store: Store, tmp_path: Path, name: str
) -> None:
    here = score(model, [tmp_path / "in.csv"], tmp_path / name)
    there = score(model, [f"s3://bucket/*.csv{store.query}"], f"s3://bucket/{name}{store.query}")
    assert (there.rows, there.rejected) == (here.rows, here.rejected) == (len(ROWS), 1)
    assert store.names("bucket") == sorted(["in.csv", name, f"{name}.rejected.csv"])
    if name != "out.csv.gz":
        found = read_table(store.download(f"bucket/{name}", tmp_path / f"there-{name}"))
        assert bits(found) == bits(read_table(tmp_path / name))


def test_a_folder_of_a_bucket_gets_parts(model: ModelChoice, store: Store, tmp_path: Path) -> None:
    result = score(model, [f"s3://bucket/{store.query}"], f"s3://bucket/out/{store.query}")
    assert result.rows == len(ROWS)
    names = store.names("bucket/out")
    assert names == ["_SUCCESS", "_job.json", *[f"part-{number:06d}.parquet" for number in range(len(names) - 2)]]
    assert len(names) > 5
    with pytest.raises(BatchError, match="s3://bucket/out: holds the answers of a complete run"):
        score(model, ["s3://bucket/in.csv" + store.query], f"s3://bucket/out/{store.query}")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_endpoint_may_be_in_the_environment(
    model: ModelChoice, store: Store, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://{store.address}")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    process = batch_command(model.run_dir, "s3://bucket/in.csv", "s3://bucket/out.csv", "--workers", 2)
    told, errors = process.communicate(timeout=250)
    assert process.returncode == 30, errors
    assert f"s3://bucket/out.csv: {len(ROWS):,} rows" in told
    assert "out.csv" in store.names("bucket")


@pytest.mark.parametrize(
    ("owner", "name", "calls", "skipped"),
    [
        pytest.param(Worker, "score", 4, 4, id="after a part"),
        pytest.param(Worker, "_batch", 3, 1, id="within a part"),
        pytest.param(publishing, "join", 1, None, id="when the file is joined"),
    ],
)
def test_a_run_that_ended_goes_on(
    model: ModelChoice, store: Store, tmp_path: Path, owner: object, name: str, calls: int, skipped: int | None
) -> None:
    score(model, [tmp_path / "in.csv"], tmp_path / "out.csv")
    arguments = [f"s3://bucket/in.csv{store.query}"], f"s3://bucket/out.csv{store.query}"
    with pytest.MonkeyPatch.context() as patch:
        _dying(patch, owner, name, calls)
        with pytest.raises(Killed):
            score(model, *arguments)
    assert "out.csv" not in store.names("bucket")
    # A rename there is a copy and a removal: a kill between both leaves the part, and what it was copied from.
    store.upload(tmp_path / "in.csv", "bucket/out.csv.parts/part-000000.csv.unfinished-1")
    told = Told()
    score(model, *arguments, told=told)
    assert skipped is None or told.skipped == skipped
    assert store.names("bucket") == ["in.csv", "out.csv", "out.csv.rejected.csv"]
    assert store.download("bucket/out.csv", tmp_path / "there.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_a_file_that_is_too_large_to_be_copied_stays_in_parts(
    model: ModelChoice, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "COPIED_MAX_BYTES", 20_000)
    arguments = [f"s3://bucket/in.csv{store.query}"], f"s3://bucket/out.csv{store.query}"
    with pytest.raises(BatchError, match=r"s3://bucket/out.csv: would be larger than S3 can copy .* use its parts in"):
        score(model, *arguments)
    assert "out.csv" not in store.names("bucket")
    assert len([name for name in store.names("bucket/out.csv.parts") if name.startswith("part-")]) > 5


@pytest.mark.parametrize(
    ("source", "output", "told"),
    [
        pytest.param("s3://nowhere/in.csv{query}", "out.csv", "s3://nowhere/in.csv: does not exist", id="no file"),
        pytest.param("s3://nowhere/*.csv{query}", "out.csv", "s3://nowhere/*.csv: matches no file", id="no bucket"),
        pytest.param(
            "s3://bucket/in.csv{query}",
            "s3://nowhere/out.csv{query}",
            "s3://nowhere: the bucket does not exist",
            id="out",
        ),
        pytest.param(
            "s3://bucket/in.csv?scheme=http&endpoint_override=127.0.0.1:9&region=a",
            "out.csv",
            "the store can't be reached: is the endpoint right?",
            id="nobody answers",
        ),
        pytest.param(
            f"s3://{KEY}:{SECRET}@bucket/none.csv{{query}}",
            "out.csv",
            "s3://bucket/none.csv: does not exist",
            id="keys",
        ),
        pytest.param(
            f"s3://{KEY}:{SECRET}@bucket/in.csv?regio=a",
            "out.csv",
            "s3://bucket/in.csv: is not a readable address",
            id="?",
        ),
    ],
)
def test_a_fault_is_told_without_credentials(
    model: ModelChoice, store: Store, tmp_path: Path, source: str, output: str, told: str
) -> None:
    output = output if output.startswith("s3:") else f"{tmp_path}/{output}"
    process = batch_command(model.run_dir, source.format(query=store.query), output.format(query=store.query))
    found, errors = process.communicate(timeout=250)
    assert process.returncode == 2, (found, errors)
    assert told in errors
    assert SECRET not in found + errors
    assert "Traceback" not in errors


def test_keys_of_an_address_are_written_nowhere(model: ModelChoice, store: Store, tmp_path: Path) -> None:
    named = f"s3://{KEY}:{SECRET}@bucket"
    score(model, [f"{named}/in.csv{store.query}"], f"{named}/out/{store.query}")
    job = store.download("bucket/out/_job.json", tmp_path / "job.json").read_text()
    assert "s3://bucket/in.csv" in job
    assert SECRET not in job


def test_denied_access_is_told(
    model: ModelChoice, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_arguments: object, **_named: object) -> object:
        return 403, {}, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"

    monkeypatch.setattr(S3Response, "get_object", refuse)
    monkeypatch.setattr(S3Response, "head_object", refuse)
    with pytest.raises(BatchError, match=r"s3://bucket/in.csv: access is denied: expected keys that allow reading"):
        score(model, [f"s3://bucket/in.csv{store.query}"], tmp_path / "out.csv")
