"""Answers every request with an empty page, at the port named."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()


ThreadingHTTPServer(("", int(sys.argv[1])), _Page).serve_forever()
