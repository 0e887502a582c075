"""The file of a Kafka client's properties, and clusters that are not as they have to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve.batch.worker import ModelChoice
from serve.stream.errors import StreamError
from serve.stream.instance import Instance
from serve.stream.kafka_settings import read_properties
from tests.serve.stream.streams import bridge

SECRET = "hunter2"


def test_properties_are_read_as_kafkas_tools_read_them(tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text(f"# brokers\nbootstrap.servers = a:1,b:2\n\nsasl.password=x=y {SECRET}\n group.id = mine \n")
    assert read_properties(path) == {
        "bootstrap.servers": "a:1,b:2",
        "sasl.password": f"x=y {SECRET}",
        "group.id": "mine",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(f"bootstrap.servers=a:1\n{SECRET}\n", "line 2: expected NAME = VALUE", id="no property"),
        pytest.param(f"={SECRET}\n", "line 1: expected NAME = VALUE", id="no name"),
        pytest.param("transactional.id=x\n", "line 1: transactional.id is set by the bridge itself", id="ours"),
        pytest.param("isolation.level=read_uncommitted\n", "isolation.level is set by the bridge", id="isolation"),
        pytest.param("a=1\na=2\n", "line 2: a is there twice", id="twice"),
        pytest.param(f"sasl.password={SECRET}\n", "expected bootstrap.servers", id="no broker"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text(content)
    with pytest.raises(StreamError, match=told) as caught:
        read_properties(path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "set KAFKA_CONFIG", id="no file is named"),
        pytest.param("bootstrap.servers=127.0.0.1:1\n", "Kafka reports a fault", id="nobody listens"),
        pytest.param("bootstrap.servers=127.0.0.1:1\nno.such=1\n", "no.such", id="unknown property"),
    ],
)
def test_no_cluster_is_told(
    model: ModelChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, told: str
) -> None:
    settings = {}
    if content is not None:
        path = tmp_path / "kafka.properties"
        path.write_text(f"{content}sasl.password={SECRET}\n")
        settings = {"KAFKA_CONFIG": str(path)}
    process = bridge(model.run_dir, "--source", "kafka", **settings)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told in errors
    assert SECRET not in errors


def test_a_name_is_inherited_by_the_next_bridge(tmp_path: Path) -> None:
    first, second = Instance(tmp_path), Instance(tmp_path)
    assert first.id != second.id
    inherited = first.id
    first.close()
    third, fourth = Instance(tmp_path), Instance(tmp_path)
    assert third.id == inherited
    assert len({second.id, third.id, fourth.id}) == 3
    for instance in (second, third, fourth):
        instance.close()
