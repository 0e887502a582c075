"""Applications from a queue, scored in batches, answers into another: each is answered once, however a process ends.

`decoding.py` -> `scoring.py` are a batch; `bridge.py` takes it from a broker and settles it; a file a broker.
"""
