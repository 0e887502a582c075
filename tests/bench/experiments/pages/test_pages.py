"""`python -m bench pages`: somebody who finds pages by their links, and a short run with real parts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.experiments.pages.reader import Reader
from bench.experiments.site.errors import SiteError
from tests.bench.experiments.conftest import Experiment

PAGES = {
    "/": '<link rel="stylesheet" href="/style.css"><a href="#content">skip</a><a class="x" href="/a">A</a>',
    "/a": '<a href="/">back</a><a href="/b?kind=x">with a query</a><a href="https://elsewhere.example/">away</a>',
    "/style.css": "body { margin: 0 }",
}


@pytest.fixture
def site() -> Iterator[str]:
    """Address of a site of two pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = PAGES.get(self.path, "").encode()
            self.send_response(200 if content and "session=known" in self.headers["Cookie"] else 403)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_reader_finds_each_page_once_and_weighs_it(site: str) -> None:
    reader = Reader(site, {"session": "known"}, pages_per_s=1_000)
    weights = {page.path: (page.page_bytes, page.kept_bytes) for page in reader.pages}
    assert weights == {"/": (len(PAGES["/"]), len(PAGES["/style.css"])), "/a": (len(PAGES["/a"]), 0)}
    loaded = threading.Event()
    with reader.reading():
        while not all(page.seconds for page in reader.pages):
            loaded.wait(0.001)
    counts = [len(page.seconds) for page in reader.pages]
    assert max(counts) - min(counts) <= 1, "in turn"


def test_a_page_that_is_refused_ends_the_run(site: str) -> None:
    with pytest.raises(SiteError, match="/ answered 403"):
        Reader(site, {"session": "unknown"}, pages_per_s=1)


@pytest.mark.long
def test_bench_pages_measures_scoring_beside_the_pages(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "pages.json"
    done = experiment("pages", "--pairs", "2", "--window", "2", "--page-rate", "10", "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert [one["quantile"] for one in found["latencies"]] == [0.5, 0.99]
    assert all(one["ratio"]["low"] <= one["ratio"]["estimate"] <= one["ratio"]["high"] for one in found["latencies"])
    pages = {page["path"]: page for page in found["pages"]}
    assert {"/", "/reports", "/reports/1", "/password"} <= set(pages)
    assert all(0 < page["page_kb"] < 100 for page in pages.values())
    assert all(page["loads"] > 0 and page["median_ms"] > 0 for page in pages.values())


@pytest.mark.long
def test_officers_work_cases_beside_scoring(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "desk.json"
    officers = ("--officers", "4", "--page-rate", "10", "--share", "0.2")
    done = experiment("pages", "--pairs", "2", "--window", "3", *officers, "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert found["plan"]["requests_per_s"] != 100, "it is a share of what was measured"
    assert {page["path"] for page in found["pages"]} == {
        "the queue",
        "a case that was taken",
        "a first view",
        "a decision",
    }
    assert found["failed"] == 0
