"""`/docs`: the page that lets people try the API in the browser, where they type keys into it.

Its library comes from a public mirror of npm, so it is of one version and bound to its bytes (Subresource Integrity):
whoever may change what the mirror has can break the page, but not read what is typed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from fastapi.openapi.docs import get_swagger_ui_html

DOCS_PATH: Final = "/docs"

_LIBRARY: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0/"
_SCRIPT: Final = _LIBRARY + "swagger-ui-bundle.js"
_STYLE: Final = _LIBRARY + "swagger-ui.css"
_INTEGRITY: Final = {
    _SCRIPT: "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9",
    _STYLE: "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I",
}
_NO_ICON: Final = "data:,"


def docs_page(title: str) -> str:
    """The page; nothing in it comes from a third site but the library."""
    answer = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=title,
        swagger_js_url=_SCRIPT,
        swagger_css_url=_STYLE,
        swagger_favicon_url=_NO_ICON,
    )
    page = bytes(answer.body).decode()
    for address, digest in _INTEGRITY.items():
        page = page.replace(f'"{address}"', f'"{address}" integrity="{digest}" crossorigin="anonymous"')
    return page


def docs_policy(page: str) -> str:
    """Its content security policy: the library, its own script by its hash, requests to us only."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {_LIBRARY} {hashes}; style-src {_LIBRARY} 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
