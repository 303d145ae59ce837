"""deploy/ against the service: what its files name is there, and what belongs together agrees."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from openride_analytics.settings import VARIABLES
from openride_analytics.telemetry.metrics import Metrics
from tests.support.prometheus import failed_rules

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
BASE = DEPLOY / "kubernetes/base"
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
CLOSING_SECONDS = 10  # of a process, once its work is done: pools, clients, the last answers


def questions() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of all alerts, dashboards and the adapter."""
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.stem}: {panel['title']}", target["expr"]
    for rule in yaml.safe_load((DEPLOY / "prometheus/adapter.yaml").read_text("utf-8"))["externalRules"]:
        yield "adapter", rule["metricsQuery"]


def known() -> set[str]:
    """The names under which Prometheus has the samples of every metric."""
    names: set[str] = set()
    for family in Metrics().registry.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + end for end in ends}
    return names


def test_every_metric_that_is_asked_for_exists() -> None:
    there = known()
    asked = {
        (name, where)
        for where, text in questions()
        for name in re.findall(r"\bopenride_\w+|\bprocess_\w+", text)
    }
    assert {(name, where) for name, where in asked if name not in there} == set()


def test_every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() -> None:
    text = (DEPLOY / "RUNBOOK.md").read_text("utf-8")
    assert sorted(re.findall(r"^### (OpenRide\w+)$", text, re.MULTILINE)) == sorted(
        r["alert"] for r in ALERTS
    )


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_alert_says_where_its_section_is(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"].endswith(f"/RUNBOOK.md#{rule['alert'].lower()}")


def test_every_alert_is_tested() -> None:
    text = (DEPLOY / "prometheus/alerts.test.yaml").read_text("utf-8")
    assert {rule["alert"] for rule in ALERTS} == set(re.findall(r"- name: (OpenRide\w+) fires", text))


def test_every_alert_passes_its_tests() -> None:
    assert failed_rules(DEPLOY / "prometheus/alerts.test.yaml") == ""


def test_every_variable_that_is_set_is_a_setting() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    image = re.findall(
        r"\b(APP_ENV|AUTH_ENABLED|HOST|PORT|EXPORT_\w+)=", (PROJECT / "Containerfile").read_text("utf-8")
    )
    given = {*config(), *compose["x-service"]["environment"], *image}
    assert given - {name for variable in VARIABLES for name in variable.names} == set()


def config() -> dict[str, str]:
    """The settings that Kubernetes gives."""
    data: dict[str, str] = yaml.safe_load((BASE / "config.yaml").read_text("utf-8"))["data"]
    return data


@pytest.mark.parametrize("name", ["api", "ingest", "exports", "reports"])
def test_pod_has_the_time_to_stop_that_its_service_takes(name: str) -> None:
    pod = yaml.safe_load((BASE / f"{name}.yaml").read_text("utf-8"))["spec"]["template"]["spec"]
    waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = waits + float(config()["SHUTDOWN_GRACE_SECONDS"]) + CLOSING_SECONDS
    assert pod["terminationGracePeriodSeconds"] >= needed


def test_secrets_that_are_looked_for_are_in_the_example() -> None:
    secret = yaml.safe_load((DEPLOY / "kubernetes/secret.example.yaml").read_text("utf-8"))
    looked_for = {Path(value).name for name, value in config().items() if name.endswith("_FILE")}
    assert looked_for == secret["stringData"].keys()


def test_every_user_of_clickhouse_has_a_password_or_says_that_it_has_none(tmp_path: Path) -> None:
    """ClickHouse does not start with one that has neither."""
    subprocess.run(["sh", DEPLOY / "secrets.sh", tmp_path], check=True, timeout=30)
    users = ElementTree.parse(DEPLOY / "clickhouse/users.xml").iterfind("users/*[grants]")
    given = ElementTree.parse(tmp_path / "clickhouse_users.xml").iterfind("users/*[password_sha256_hex]")
    assert [user.tag for user in users if user.find("no_password") is None] == [user.tag for user in given]
