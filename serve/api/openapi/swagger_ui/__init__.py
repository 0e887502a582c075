"""Swagger UI as npm's `swagger-ui-dist` 5.35.0 has it, unchanged (Apache License 2.0, LICENSE and NOTICE beside it).

`tests/serve/api/openapi/test_docs_page.py` holds the files to their SHA-256, and these are of the bytes that the mirror
of npm gives out for that version. `start.js` is ours.
"""
