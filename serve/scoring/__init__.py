"""From a request to its answer: headers, body, engine, record, and the bytes of the answer."""
