"""`python -m tests.jenkins.retrain.busy_gate FOLDER COUNTER QUALITY LATENCY...`: a gate on a machine that gets calmer.

Each run takes the next of the latency verdicts, the last one for ever, and writes `gate.json` as the gate does. Runs
are counted by lines of a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fraud.verdict import Verdict, worst

FOLDER, COUNTER = Path(sys.argv[1]), Path(sys.argv[2])
QUALITY, *LATENCIES = (Verdict(text) for text in sys.argv[3:])

FOLDER.mkdir(parents=True, exist_ok=True)
with COUNTER.open("a") as counter:
    counter.write("run\n")
latency = LATENCIES[min(len(COUNTER.read_text().splitlines()), len(LATENCIES)) - 1]
verdict = worst((QUALITY, latency))
report = {
    "verdict": verdict,
    "exit_status": verdict.exit_status,
    "reasons": [f"the gate says {verdict}"],
    "quality": {"verdict": QUALITY},
    "latency": {"verdict": latency} if QUALITY is Verdict.PASS else None,
}
(FOLDER / "gate.json").write_text(json.dumps(report))
sys.exit(verdict.exit_status)
