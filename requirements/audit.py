"""`make audit`: known vulnerabilities of the pinned packages, as the package index's advisory database has them.

It asks over the network, package by package. What could not be asked about is said and is no pass: without a network
pip-audit itself finds nothing and calls that good.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from fraud.command_line import CommandLine
from fraud.verdict import Verdict

TOOL: Final = "pip-audit==2.10.1"
LOCK: Final = Path(__file__).with_name("all.lock")
UV: Final = Path(sys.executable).with_name("uv")


def judge(report: dict[str, Any]) -> tuple[Verdict, list[str]]:
    """What pip-audit's JSON report comes to, and a line for each finding."""
    packages = report["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {fault['fix_versions'] or 'no version'}"
        for package in packages
        for fault in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    doubts = [f"{len(unknown)} of {len(packages)} packages could not be looked up: is there a network?"] * bool(unknown)
    if found:
        return Verdict.FAIL, found + doubts
    if unknown or not packages:
        return Verdict.INCONCLUSIVE, doubts
    return Verdict.PASS, [f"{len(packages)} packages, none with a known vulnerability"]


def main() -> int:
    """Look up known vulnerabilities of the pinned packages, over the network.

    Exit status: 0 none is vulnerable, 10 some are, 20 can't tell, 2 error.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", f"--output={report}")
        run = subprocess.run([UV, "tool", "run", "--quiet", TOOL, f"--requirement={LOCK}", *options], check=False)
        if not report.exists():
            sys.stderr.write(f"error: {TOOL} gave no report (status {run.returncode}): is there a network?\n")
            return Verdict.ERROR.exit_status
        verdict, lines = judge(json.loads(report.read_text()))
    sys.stdout.write("".join(f"{line}\n" for line in lines) + f"{verdict}\n")
    return verdict.exit_status


if __name__ == "__main__":
    CommandLine(main)()
