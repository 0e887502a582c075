"""Somebody who looks at pages: finds them by their links, loads one after the other, and notes how long each took."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from bench.experiments.site.errors import SiteError

FIRST: Final = "/"
MOST_PAGES: Final = 30
TIMEOUT_S: Final = 60.0
_LINK: Final = re.compile(r'<a [^>]*href="(/[^"#?]*)"')
_STYLE_OR_SCRIPT: Final = re.compile(r'<(?:link|script) [^>]*(?:href|src)="(/[^"]+)"')


@dataclass
class Loads:
    """Of one page."""

    path: str
    page_bytes: int
    kept_bytes: int
    """Of style sheets and scripts, which a browser keeps for the other pages."""
    seconds: list[float] = field(default_factory=list)
    """Of each time that it was loaded while scoring was measured."""


class Reader:
    """Follows links as a browser would, with its cookie."""

    def __init__(self, url: str, cookies: dict[str, str], pages_per_s: float) -> None:
        self._client = httpx.Client(base_url=url, cookies=cookies, timeout=TIMEOUT_S)
        self._interval_s = 1 / pages_per_s
        self.pages = self._find_pages()
        self._turn = itertools.cycle(self.pages)

    def _find_pages(self) -> list[Loads]:
        """All that links lead to from the first page on, each once.

        Raises:
            SiteError: a link leads to no page.
        """
        found: dict[str, Loads] = {}
        waiting = [FIRST]
        while waiting and len(found) < MOST_PAGES:
            path = waiting.pop(0)
            if path in found:
                continue
            text = self._load(path)
            kept = sum(len(self._load(part)) for part in set(_STYLE_OR_SCRIPT.findall(text)))
            found[path] = Loads(path, len(text.encode()), kept)
            waiting += _LINK.findall(text)
        return list(found.values())

    def _load(self, path: str) -> str:
        answer = self._client.get(path, follow_redirects=True)
        if answer.status_code != httpx.codes.OK:
            raise SiteError(f"{path} answered {answer.status_code}: {answer.text[:200]}")
        return answer.text

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Load one page after the other until the block ends, at a steady pace."""
        over, failed = threading.Event(), list[Exception]()

        def read() -> None:
            try:
                while not over.is_set():
                    page, begun = next(self._turn), time.perf_counter()
                    self._load(page.path)
                    took_s = time.perf_counter() - begun
                    page.seconds.append(took_s)
                    over.wait(max(0.0, self._interval_s - took_s))
            except (SiteError, httpx.HTTPError) as error:
                failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failed:
            raise SiteError(f"a page was not shown: {failed[0]}")
