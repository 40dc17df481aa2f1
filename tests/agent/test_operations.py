#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_operations.py - /metrics by Prometheus' own rules; alerts and dashboard use what it really has.
#   test_operations.py PENSTOCK SOURCE_DIRECTORY [TEST...]
"""promtool comes from PATH or .cache/promtool (`./dev test` puts it there); what needs it is skipped without."""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import case_lacks   # noqa: E402

PENSTOCK, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
del sys.argv[1:3]
PROMTOOL = shutil.which("promtool") or shutil.which(os.path.join(SOURCE, ".cache/promtool/promtool"))
ALERTS = os.path.join(SOURCE, "docs/alerts.yaml")
DASHBOARD = os.path.join(SOURCE, "docs/grafana-dashboard.json")


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def metrics_of_a_run():
    """What a real agent says once events of a topic have gone through it."""
    directory = tempfile.mkdtemp(prefix="penstock-operations-")
    path = os.path.join(directory, "http")
    with open(os.path.join(directory, "log"), "wb") as log:
        agent = subprocess.Popen([PENSTOCK, "run", "--mock-kafka", "--spool", os.path.join(directory, "spool"), "--listen", "unix:" + path],
                                 stdout=log, stderr=log)
    try:
        subprocess.run([PENSTOCK, "produce", "-q", "--unix", path, "-t", "t", "--timeout", "30s"], input=b"x\ny\n", check=True, timeout=60)
        end = time.monotonic() + 30
        while True:
            connection = Connection(path)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            if 'penstock_topic_delivered_total{topic="t"} 2' in text or time.monotonic() > end:
                return text
            time.sleep(0.1)
    finally:
        agent.kill()
        agent.wait()
        shutil.rmtree(directory, ignore_errors=True)


def known_by(text):
    """Name -> labels, as a query sees them."""
    known = {}
    for line in text.splitlines():
        found = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line)
        if found and not line.startswith("#"):
            known.setdefault(found.group(1), set()).update(re.findall(r'(\w+)="', found.group(2) or ""))
    return known


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = metrics_of_a_run()
        cls.known = known_by(cls.text)

    def promtool(self, *words, **more):
        if not PROMTOOL:
            case_lacks(self, "needs promtool")
        return subprocess.run([PROMTOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, **more)

    def assert_exists(self, expression, where):
        """Its metrics, and the labels that it groups by or selects, are there. instance and job come from the scrape."""
        names = re.findall(r"penstock_\w+", expression)
        for name in names:
            self.assertIn(name, self.known, where)
        labels = {"instance", "job"}.union(*(self.known[name] for name in names))
        used = re.findall(r"(\w+) ?(?:=|=~|!=)\s*\"", expression)
        for group in re.findall(r"(?:by|without|on|ignoring) \(([^)]*)\)", expression):
            used += re.findall(r"\w+", group)
        self.assertLessEqual(set(used), labels, where)

    def test_metrics_follow_the_conventions(self):
        self.assertGreater(len(self.known), 50)
        got = self.promtool("check", "metrics", input=self.text)
        self.assertEqual((got.returncode, got.stdout), (0, ""))

    def test_alerts_use_what_exists(self):
        with open(ALERTS) as f:
            expressions = re.findall(r"(?m)^ +expr: (.*)$", f.read())
        self.assertGreater(len(expressions), 10)
        for expression in expressions:
            self.assert_exists(expression, expression)

    def test_alerts_are_rules(self):
        got = self.promtool("check", "rules", ALERTS)
        self.assertEqual(got.returncode, 0, got.stdout)

    def test_alerts_fire_when_they_should(self):
        tests = os.path.join(SOURCE, "tests/agent/alerts_test.yaml")
        got = self.promtool("test", "rules", tests)
        self.assertEqual(got.returncode, 0, got.stdout)

    def test_each_alert_is_tried(self):
        with open(ALERTS) as f, open(os.path.join(SOURCE, "tests/agent/alerts_test.yaml")) as g:
            names, tried = re.findall(r"- alert: (\w+)", f.read()), re.findall(r'alertname="(\w+)"', g.read())
        self.assertEqual(sorted(tried), sorted(names * 2))   # once silent, once firing

    def test_the_dashboard_uses_what_exists(self):
        with open(DASHBOARD) as f:
            dashboard = json.load(f)
        self.assertEqual(len({p["id"] for p in dashboard["panels"]}), len(dashboard["panels"]))
        variables = {v["name"] for v in dashboard["templating"]["list"]}
        shown = 0
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                shown += 1
                self.assert_exists(target["expr"], panel["title"])
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                    self.assertTrue(label == "instance" or any(label in self.known[n] for n in re.findall(r"penstock_\w+", target["expr"])), panel["title"])
                self.assertLessEqual(set(re.findall(r"\$\{?(\w+)", target["expr"])), variables | {"__rate_interval"}, panel["title"])
        self.assertGreater(shown, 15)
        for variable in dashboard["templating"]["list"]:
            self.assert_exists(variable.get("definition", ""), variable["name"])

    def test_the_dashboards_queries_are_queries(self):
        with open(DASHBOARD) as f:
            expressions = [t["expr"] for p in json.load(f)["panels"] for t in p.get("targets", [])]
        rules = "groups:\n- name: dashboard\n  rules:\n"
        for i, expression in enumerate(expressions):
            rules += f"  - record: 'dashboard:expr:{i}'\n    expr: {json.dumps(expression.replace('$__rate_interval', '5m'))}\n"
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(rules)
            f.flush()
            got = self.promtool("check", "rules", f.name)
        self.assertEqual(got.returncode, 0, got.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
