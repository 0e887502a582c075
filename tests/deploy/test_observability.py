"""Alerts, runbooks and the dashboard: by Prometheus's own tool, and by the metrics that servers have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import KUBERNETES, ROOT
from tests.required_tools import need_program
from tests.serve.declared_metrics import declared_names

FOLDER = ROOT / "deploy/observability"
RUNBOOKS = ROOT / "docs/runbooks"
DASHBOARD = FOLDER / "grafana/scoring.json"
OF_PROMETHEUS = {"up"}
TEXT = re.compile(r'"[^"]*"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)")
RANGE = re.compile(r"\[[^]]*\]")
NAME = re.compile(r"\b[a-z]\w*\b(?!\s*\()")
KEYWORDS = {"and", "or", "unless", "by", "on"}


def groups() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in groups() for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts().values())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def metrics_in(query: str) -> set[str]:
    for what in (TEXT, GROUPING, RANGE):
        query = what.sub(" ", query)
    query = re.sub(r"\{[^}]*\}", " ", query)
    return set(NAME.findall(query)) - KEYWORDS


def promtool(*arguments: str, cwd: Path) -> tuple[int, str]:
    tool = need_program("promtool", package="prometheus")
    done = subprocess.run([tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_each_alert_comes_for_its_fault_and_for_nothing_else() -> None:
    status, told = promtool("test", "rules", "rules_test.yml", cwd=FOLDER)
    assert status == 0, told


def test_a_rule_that_is_silent_is_found(tmp_path: Path) -> None:
    for name in ("rules.yml", "rules_test.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    rules = tmp_path / "rules.yml"
    rules.write_text(rules.read_text().replace("< 1209600", "< 12"))
    status, told = promtool("test", "rules", "rules_test.yml", cwd=tmp_path)
    assert status == 1
    assert "ScoringCertificateEnds" in told


def test_each_alert_has_a_test() -> None:
    tested = re.findall(r'alertname="(\w+)"', (FOLDER / "rules_test.yml").read_text())
    assert set(tested) == set(alerts())


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "rules.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    key = tmp_path / "key"
    key.write_text("key")
    config = tmp_path / "prometheus.yml"
    config.write_text(config.read_text().replace("/run/secrets/metrics_api_key", str(key)))
    status, told = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert status == 0, told


def test_kubernetes_has_the_same_alerts() -> None:
    rules = yaml.safe_load((KUBERNETES / "components/monitoring/rules.yaml").read_text())
    assert rules["spec"]["groups"] == groups()


def test_every_alert_leads_to_a_runbook_and_every_runbook_has_an_alert() -> None:
    assert {name: rule["annotations"]["runbook"] for name, rule in alerts().items()} == {
        name: f"docs/runbooks/{name}.md" for name in alerts()
    }
    assert {path.stem for path in RUNBOOKS.iterdir()} == set(alerts())


@pytest.mark.parametrize("path", sorted(RUNBOOKS.iterdir()), ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_and_what_to_do(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n")
    assert "**Effect**: " in text
    assert re.search(r"^1\. ", text, re.MULTILINE)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / link.partition("#")[0]).exists(), link


def test_every_query_asks_for_metrics_that_exist() -> None:
    asked = {query: metrics_in(query) for query in queries()}
    assert {query for query, names in asked.items() if not names} == set()
    known = declared_names() | OF_PROMETHEUS
    assert {name for names in asked.values() for name in names} - known == set()


def test_a_name_that_does_not_exist_is_found() -> None:
    assert metrics_in('sum by (le) (rate(scoring_nothing_bucket{job=~"$job"}[5m])) / 2 > up') == {
        "scoring_nothing_bucket",
        "up",
    }


def test_the_dashboard_s_queries_are_valid_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": target["expr"].replace("$__rate_interval", "1m")}
        for panel in panels()
        for target in panel["targets"]
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    status, told = promtool("check", "rules", "--lint=none", "panels.yml", cwd=tmp_path)
    assert status == 0, told


def test_panels_have_places_of_their_own() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in panels()})
    (source,) = yaml.safe_load((FOLDER / "grafana/datasource.yml").read_text())["datasources"]
    used = {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert used == {source["uid"]}
