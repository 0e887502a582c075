"""From a request to its answer: its headers, its body, the engine, the record, and the bytes that go back."""
