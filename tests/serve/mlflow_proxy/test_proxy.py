"""`/mlflow/` shows MLflow to those who may read, changes little for those who operate, and is no way in for others."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fraud.registry import PRODUCTION, ModelVersion, Registry
from serve.mlflow_proxy.allowed_calls import READ_METHODS
from serve.mlflow_proxy.presets import OURS
from tests.live_stack import LOGIN, LiveStack, server_beside
from tests.serve.mlflow_proxy.test_allowed_calls import REFUSED, TRICKS
from tests.serve.wire import Answer, Wire
from tests.serving import serving

API = "/mlflow/ajax-api/2.0/mlflow/"
SEARCH = API + "registered-models/search"
ALIAS = API + "registered-models/alias"


@pytest.fixture(scope="module")
def production(stack: LiveStack) -> ModelVersion:
    version = Registry(stack.tracking_uri, "divorce-model", timeout_s=10).version_of(PRODUCTION)
    assert version is not None
    return version


def as_it_stands(stack: LiveStack, method: str, path: str) -> Answer:
    """Send a path that client libraries would tidy up first."""
    login = base64.b64encode(":".join(stack.admin).encode()).decode()
    head = f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Basic {login}\r\nContent-Length: 2\r\n\r\n{{}}"
    with closing(Wire(stack.url)) as wire:
        wire.send(head.encode("latin-1"))
        return wire.answer()


@pytest.mark.parametrize("path", ["/mlflow", "/mlflow/", "/mlflow/health", "/mlflow/static-files/x", SEARCH])
def test_nothing_is_shown_without_a_login(stack: LiveStack, path: str) -> None:
    answer = httpx.get(stack.url + path, follow_redirects=True)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_page_and_its_assets_arrive(stack: LiveStack) -> None:
    page = httpx.get(stack.url + "/mlflow/", auth=stack.admin)
    assert page.status_code == 200
    assert "<title>MLflow</title>" in page.text
    script = next(part.partition('"')[0] for part in page.text.split('src="')[1:])
    asset = httpx.get(httpx.URL(stack.url + "/mlflow/").join(script), auth=stack.admin)
    assert asset.status_code == 200
    assert "javascript" in asset.headers["Content-Type"]
    assert "<script>" not in page.text, "its policy lets no script pass that is not a file"


def test_the_short_address_leads_to_the_models_page_in_classic_mode(stack: LiveStack) -> None:
    answer = httpx.get(stack.url + "/mlflow", auth=stack.admin)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "/mlflow/#/models/divorce-model?workflowType=machine_learning"


def test_the_pages_calls_work_as_a_browser_sends_them(stack: LiveStack) -> None:
    headers = {"Origin": stack.url, "Sec-Fetch-Site": "same-origin"}
    models = httpx.get(stack.url + SEARCH, auth=stack.admin, headers=headers).json()["registered_models"]
    assert "divorce-model" in [model["name"] for model in models]
    found = httpx.post(
        stack.url + API + "experiments/search", json={"max_results": 5}, auth=stack.admin, headers=headers
    )
    assert found.json()["experiments"]
    query = {"query": "{ __schema { queryType { name } } }"}
    asked = httpx.post(stack.url + "/mlflow/graphql", json=query, auth=stack.admin, headers=headers)
    assert asked.status_code == 200


def test_a_reader_changes_nothing(stack: LiveStack, production: ModelVersion) -> None:
    alias = {"name": "divorce-model", "alias": "tried", "version": str(production.version)}
    assert httpx.get(stack.url + SEARCH, headers=LOGIN).status_code == 200
    refused = httpx.post(stack.url + ALIAS, json=alias, headers=LOGIN)
    assert refused.status_code == 403
    assert "`operate`" in refused.json()["error"]["message"]


def test_an_operator_sets_and_removes_an_alias(stack: LiveStack, production: ModelVersion) -> None:
    alias = {"name": "divorce-model", "alias": "kept", "version": str(production.version)}
    assert httpx.post(stack.url + ALIAS, json=alias, auth=stack.admin).status_code == 200
    named = {"name": "divorce-model", "alias": "kept"}
    got = httpx.get(stack.url + ALIAS, params=named, auth=stack.admin).json()
    assert got["model_version"]["version"] == str(production.version)
    removed = httpx.request("DELETE", stack.url + ALIAS, json=named, auth=stack.admin)
    assert removed.status_code == 200


MLFLOW_CLIENT = """
import sys
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
client = MlflowClient()
version = client.get_model_version_by_alias("divorce-model", "production")
print(open(client.download_artifacts(version.run_id, "model/model_card.md", sys.argv[1])).read()[0])
try:
    client.set_tag(version.run_id, "mine", "yes")
except MlflowException as refused:
    print("passed" if "is not allowed" not in str(refused) else "refused")
"""


def test_mlflows_own_client_reads_with_a_key_and_changes_nothing(stack: LiveStack, tmp_path: Path) -> None:
    key = LOGIN["Authorization"].split()[1]
    done = subprocess.run(
        [sys.executable, "-c", MLFLOW_CLIENT, str(tmp_path)],
        env={**os.environ, "MLFLOW_TRACKING_URI": stack.url + "/mlflow", "MLFLOW_TRACKING_TOKEN": key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["#", "refused"]


def test_a_page_of_another_site_changes_nothing(stack: LiveStack, production: ModelVersion) -> None:
    alias = {"name": "divorce-model", "alias": "foreign", "version": str(production.version)}
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(stack.url + ALIAS, json=alias, auth=stack.admin, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    named = {"name": "divorce-model", "alias": "foreign"}
    assert httpx.get(stack.url + ALIAS, params=named, auth=stack.admin).is_client_error


NOT_SENT_ON = [
    (method, path) for method, path in REFUSED if "\n" not in path and (method not in READ_METHODS or path not in OURS)
]


@pytest.mark.parametrize(("method", "path"), NOT_SENT_ON)
def test_unlisted_calls_do_not_reach_mlflow(stack: LiveStack, method: str, path: str) -> None:
    answer = as_it_stands(stack, method, "/mlflow" + path)
    assert answer.status in {400, 403, 405}
    assert answer.json()["error"]["code"] in {"forbidden", "malformed_body", "method_not_allowed"}


@pytest.mark.parametrize("path", OURS)
def test_calls_for_absent_parts_do_not_reach_mlflow(mirrored: str, path: str) -> None:
    answer = httpx.get(f"{mirrored}/mlflow{path}?gateway_path=x", headers=LOGIN)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"].partition(";")[0]) == (200, *OURS[path])
    head = httpx.head(f"{mirrored}/mlflow{path}", headers=LOGIN)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(OURS[path][0])))
    assert httpx.get(f"{mirrored}/mlflow{path}").status_code == 401


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", ["/mlflow/static-files/{}", "/mlflow/get-artifact?run_uuid=1&path={}"])
def test_tricks_with_addresses_do_not_reach_mlflow(stack: LiveStack, place: str, trick: str) -> None:
    answer = as_it_stands(stack, "GET", place.format(trick))
    # With a line break in it, it is no address of the proxy to begin with.
    expected = (404, "not_found") if "%0d" in trick and "?" not in place else (400, "malformed_body")
    assert (answer.status, answer.json()["error"]["code"]) == expected


@pytest.mark.parametrize("path", ["/%6dlflow/health", "/mlflow%2fhealth", "/mlflow\\health", "/mlflow;/health"])
def test_another_spelling_of_the_prefix_does_not_pass(stack: LiveStack, path: str) -> None:
    assert as_it_stands(stack, "GET", path).status in {400, 403, 404}


def test_an_absolute_address_is_ours_all_the_same(stack: LiveStack) -> None:
    """As a proxy is asked; what it names is not fetched."""
    assert as_it_stands(stack, "GET", "http://elsewhere.example/mlflow/health").body == b"OK"


def test_no_artifact_is_written_and_those_that_are_there_come_without_rights(
    stack: LiveStack, production: ModelVersion
) -> None:
    path = f"/mlflow/api/2.0/mlflow-artifacts/artifacts/0/{production.run_id}/artifacts/model/model.onnx"
    assert httpx.put(stack.url + path, content=b"mine", auth=stack.admin).status_code == 403
    artifact = httpx.get(
        stack.url + "/mlflow/get-artifact",
        params={"run_uuid": production.run_id, "path": "model/model_card.md"},
        auth=stack.admin,
    )
    assert artifact.status_code == 200
    assert artifact.text.startswith("#")
    assert artifact.headers["Content-Security-Policy"].startswith("sandbox;")


def test_the_page_of_a_version_shows_its_files_and_its_signature(stack: LiveStack, production: ModelVersion) -> None:
    """What the page asks for, in its order."""
    version = {"name": "divorce-model", "version": str(production.version)}
    for call, about in (
        ("registered-models/get", {"name": "divorce-model"}),
        ("model-versions/get", version),
        ("runs/get", {"run_id": production.run_id}),
        ("model-versions/get-download-uri", version),
        ("artifacts/list", {"run_id": production.run_id, "path": "model"}),
    ):
        answer = httpx.get(stack.url + API + call, params=about, auth=stack.admin)
        assert answer.status_code == 200, call
        assert names_nothing_inside(stack, answer.text), call
    description = httpx.get(
        stack.url + "/mlflow/model-versions/get-artifact", params={**version, "path": "MLmodel"}, auth=stack.admin
    )
    assert description.status_code == 200, description.text
    signature = yaml.safe_load(description.text)["signature"]
    assert [(port["type"], port["tensor-spec"]) for port in json.loads(signature["inputs"])] == [
        ("tensor", {"dtype": "float32", "shape": [-1, 10]})
    ]
    assert [(port["type"], port["tensor-spec"]) for port in json.loads(signature["outputs"])] == [
        ("tensor", {"dtype": "float32", "shape": [-1]})
    ]


def names_nothing_inside(stack: LiveStack, text: str) -> bool:
    """Whether it says neither where MLflow listens nor where it keeps its data."""
    inside = httpx.URL(stack.tracking_uri).netloc.decode()
    return inside not in text and str(stack.run_dir) not in text and "postgresql" not in text


@pytest.mark.parametrize(
    ("path", "location"),
    [
        pytest.param("/static-files/%2findex.html", "/static-files/index.html", id="one"),
        pytest.param("/static-files/%2f%2Findex.html?a=%2f", "/static-files/index.html?a=%2f", id="two, and a query"),
        pytest.param("/static-files/%2f%2felsewhere.example/x", "/static-files/elsewhere.example/x", id="as a host"),
        pytest.param(
            "/ajax-api/2.0/mlflow-artifacts/artifacts/%2fx", "/ajax-api/2.0/mlflow-artifacts/artifacts/x", id="a call"
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_mlflows_redirects_stay_outside(stack: LiveStack, method: str, path: str, location: str) -> None:
    """MLflow tidies slashes up and names its own address."""
    direct = httpx.request(method, stack.tracking_uri + path)
    assert direct.headers["Location"].startswith(stack.tracking_uri), "then this test is not needed any more"
    answer = as_it_stands(stack, method, "/mlflow" + path)
    assert (answer.status, answer.headers["location"], answer.body) == (308, "/mlflow" + location, b"")
    assert names_nothing_inside(stack, str(answer.headers))


@pytest.mark.parametrize(
    "path",
    [
        *("/mlflow/", "/mlflow/health", "/mlflow/version", "/mlflow/static-files/index.html", SEARCH),
        *("/mlflow/ajax-api/3.0/mlflow/server-info", "/mlflow/get-artifact?run_uuid=1&path=x"),
        *("/mlflow/signup", "/mlflow/api/2.0/mlflow-artifacts/artifacts"),
    ],
)
def test_head_says_what_get_says_without_the_body(stack: LiveStack, path: str) -> None:
    got = httpx.get(stack.url + path, auth=stack.admin, headers={"X-Request-ID": "same"})
    head = httpx.head(stack.url + path, auth=stack.admin, headers={"X-Request-ID": "same"})
    assert (head.status_code, head.content) == (got.status_code, b"")
    ours = [
        {name: value for name, value in answer.headers.items() if name not in {"date", "expires", "set-cookie"}}
        for answer in (got, head)
    ]
    if got.status_code == 403:  # its message names the method
        assert [headers.pop("content-length") for headers in ours]
    assert ours[0] == ours[1]


def test_a_head_has_no_part(stack: LiveStack) -> None:
    asset, part = stack.url + "/mlflow/static-files/index.html", {"Range": "bytes=0-9"}
    whole = httpx.get(asset, auth=stack.admin)
    head = httpx.head(asset, auth=stack.admin, headers=part)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole.content)))


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/mlflow/", "/mlflow/health", SEARCH])
def test_other_methods_are_told_what_there_is(stack: LiveStack, method: str, path: str) -> None:
    answer = httpx.request(method, stack.url + path, auth=stack.admin)
    assert answer.status_code == 405
    assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


def test_a_part_of_a_file_is_one_of_the_file_as_it_was(stack: LiveStack) -> None:
    asset = stack.url + "/mlflow/static-files/index.html"
    whole = httpx.get(asset, auth=stack.admin)
    for tag, expected in ((whole.headers["ETag"], (206, whole.content[:10])), ('"other"', (200, whole.content))):
        part = httpx.get(asset, auth=stack.admin, headers={"Range": "bytes=0-9", "If-Range": tag})
        assert (part.status_code, part.content) == expected
    known = httpx.get(asset, auth=stack.admin, headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_a_long_body_is_not_forwarded(stack: LiveStack) -> None:
    answer = httpx.post(stack.url + API + "runs/search", content=b" " * 2**21, auth=stack.admin)
    assert answer.status_code == 413


REDIRECTS = {
    "absolute": (302, "{}/mlflow/version?a=b#c"),
    "relative": (307, "../version"),
    "path": (301, "/mlflow/version"),
    "beside": (302, "{}/mlflowers"),
    "above": (302, "{}/mlflow/../private"),
    "elsewhere": (302, "https://elsewhere.example/mlflow/version"),
    "user": (302, "http://user@elsewhere.example/mlflow/version"),
    "no-address": (302, "http://[/"),
    "script": (302, "javascript:alert(1)"),
    "fault": (500, None),
    "created": (201, "{}/mlflow/version"),
}
TELLING = {
    "Set-Cookie": "a=b; Domain={}",
    "Access-Control-Allow-Origin": "*",
    "Content-Location": "{}/mlflow/x",
    "Link": "<{}/mlflow/x>; rel=canonical",
    "Refresh": "0; url={}/mlflow/x",
    "Via": "1.1 {}",
    "X-Backend": "{}",
}


class Mirror(BaseHTTPRequestHandler):
    """Stands where MLflow would, and answers with the request's headers, or a redirect, or a fault."""

    def do_GET(self) -> None:
        here = f"http://{self.headers['Host']}"
        content = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        status, location = REDIRECTS.get(self.path.rpartition("/")[2], (200, None))
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location.format(here))
        for name, value in TELLING.items():
            self.send_header(name, value.format(here))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Mirror)) as server:
        yield f"http://127.0.0.1:{server.server_port}/mlflow"


@pytest.fixture(scope="module")
def mirrored(stack: LiveStack, mirror: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that takes the mirror for MLflow."""
    folder = tmp_path_factory.mktemp("mirrored")
    (folder / "models").symlink_to(stack.run_dir / "models")
    with server_beside(stack, folder, MLFLOW_TRACKING_URI=mirror, SERVE_WORKERS="1") as url:
        yield url


def test_neither_logins_nor_cookies_travel(mirrored: str, mirror: str) -> None:
    sent = {
        "X-API-Key": LOGIN["Authorization"].split()[1],
        "Authorization": "Basic eDp5",
        "Cookie": "c=d",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "Proxy-Authorization": "Basic eDp5",
        "Accept": "text/html",
    }
    answer = httpx.get(mirrored + "/mlflow/health", headers=sent)
    seen: dict[str, Any] = answer.json()
    assert seen["accept"] == "text/html"
    assert set(seen) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert seen["host"] == mirror.removeprefix("http://").partition("/")[0]


@pytest.mark.parametrize(
    ("name", "status", "location"),
    [
        ("absolute", 302, "/mlflow/version?a=b"),
        ("relative", 307, "/mlflow/version"),
        ("path", 301, "/mlflow/version"),
        ("created", 201, None),
        ("plain", 200, None),
        *((name, 502, None) for name in ("beside", "above", "elsewhere", "user", "no-address", "script", "fault")),
    ],
)
def test_no_header_and_no_fault_tells_where_mlflow_is(
    mirrored: str, mirror: str, name: str, status: int, location: str | None
) -> None:
    answer = httpx.get(f"{mirrored}/mlflow/static-files/{name}", headers=LOGIN)
    assert (answer.status_code, answer.headers.get("Location")) == (status, location)
    assert not {header.lower() for header in TELLING} & set(answer.headers)
    assert mirror.removeprefix("http://").partition("/")[0] not in str(answer.headers)
    if status == 502:
        assert answer.json()["error"]["code"] == "upstream_error"
        assert "elsewhere.example" not in answer.text
