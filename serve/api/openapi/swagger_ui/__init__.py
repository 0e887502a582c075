"""Swagger UI from npm's `swagger-ui-dist` 5.35.0, unchanged (Apache License 2.0, LICENSE and NOTICE beside it).

`tests/serve/api/openapi/test_docs_page.py` checks the SHA-256 of the files, which are the bytes that npm serves for
that version. `start.js` is ours.
"""
