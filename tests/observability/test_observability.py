"""The rules by promtool, and every panel of the dashboards and the rules that a failover must raise by a
real Prometheus that scrapes three real daemons.

    cargo build --example stage --bin failoverd --bin failoverctl
    python3 -m unittest discover --verbose --start-directory tests/observability

Needs Debian's `prometheus`; says `not run` without it, unless FAILOVERD_PROMETHEUS=required.
"""

import json
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import support
from support import DEPLOY, REQUIRED, ROOT, RULES, until

BOARDS = ["overview", "run"]


def setUpModule():
    why = support.missing()
    if why and REQUIRED:
        raise AssertionError(why)
    if why:
        raise unittest.SkipTest(why)


def promtool(*words, **more):
    return subprocess.run(
        ["promtool", *words], capture_output=True, text=True, timeout=120, check=False, **more
    )


class Promtool(unittest.TestCase):
    def test_the_rules_are_valid(self):
        checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_each_alert_fires_and_stays_silent_as_its_tests_say(self):
        tested = promtool("test", "rules", RULES.with_suffix("").name + ".test.yml", cwd=RULES.parent)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_the_example_of_a_scrape_configuration_is_valid(self):
        example = DEPLOY / "prometheus" / "prometheus.example.yml"
        checked = promtool("check", "config", str(example))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


def documented():
    """Every family of docs/metrics.md."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(failoverd_\w+)` \|", page, re.MULTILINE))


class Boards(unittest.TestCase):
    """What can be seen without a Grafana: its JSON model."""

    def boards(self):
        for name in BOARDS:
            yield name, json.loads((DEPLOY / "grafana" / f"{name}.json").read_text())

    def test_each_panel_is_whole(self):
        for name, board in self.boards():
            self.assertGreaterEqual(board["schemaVersion"], 36, name)
            variables = {v["name"]: v for v in board["templating"]["list"]}
            self.assertEqual(list(variables), ["datasource", "job", "application"], name)
            self.assertEqual(variables["datasource"]["type"], "datasource")
            ids = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)), f"{name}: an id twice")
            for panel in panels(board):
                where = f"{name}: {panel['title']}"
                self.assertTrue(panel["description"].endswith("."), where)
                self.assertTrue(panel["targets"], where)
                self.assertEqual(panel["datasource"]["uid"], "${datasource}", where)
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(references), len(set(references)), where)
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"], "${datasource}", where)
                    self.assertNotEqual(target["range"], target["instant"], where)
                if panel["type"] == "timeseries":
                    self.assertIn("unit", panel["fieldConfig"]["defaults"], where)

    def test_no_panel_lies_on_another(self):
        for name, board in self.boards():
            taken = {}
            for panel in board["panels"]:
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
                for x in range(at["x"], at["x"] + at["w"]):
                    for y in range(at["y"], at["y"] + at["h"]):
                        other = taken.setdefault((x, y), panel["title"])
                        self.assertEqual(other, panel["title"], name)


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


class Live(unittest.TestCase):
    """Three daemons through an outage, a failover and the loss of two of them."""

    @classmethod
    def setUpClass(cls):
        assert support.STAGE.exists(), f"build it: cargo build --example stage ({support.STAGE})"
        folder = tempfile.TemporaryDirectory(prefix="failoverd-observability-")
        cls.addClassCleanup(folder.cleanup)
        path = pathlib.Path(folder.name)
        cls.stage = support.Stage(path)
        cls.addClassCleanup(cls.stage.close)
        cls.prometheus = support.Prometheus(path, cls.stage.members.values())
        cls.addClassCleanup(cls.prometheus.close)
        cls.begun = time.time()
        until("every member is scraped", lambda: len(cls.prometheus.query("up == 1")) == 3)
        cls.seen = set()
        until(
            "every member has looked whether all is ready",
            lambda: len(cls.prometheus.query('failoverd_readiness_findings{level="passed"} > 0')) == 3,
        )
        cls.rehearse()
        until(
            "the rehearsal's result is scraped",
            lambda: cls.value("count(failoverd_drill_last_passed)") == 3,
        )
        cls.play()
        cls.ended = time.time()

    @classmethod
    def rehearse(cls):
        """A rehearsal that comes to its end; a probe that fails meanwhile in earnest goes first."""
        def passed():
            api = next(iter(cls.stage.members.values()))
            ended = support.failoverctl(api, "drill", "shop", "--reason", "a test of the dashboards")
            assert ended.returncode in (0, 1), ended.stdout + ended.stderr
            return ended.returncode == 0

        until("a rehearsal passes", passed)

    @classmethod
    def play(cls):
        """An outage of the active Region, by itself; then two members are killed."""
        cls.stage.order("region-down eu-west-1")
        until(
            "the run has closed",
            lambda: cls.look() and cls.value("sum(failoverd_runs_closed_total)"),
        )
        # Counters of what has just ended need one more scrape to have a rate.
        closed = time.time()
        until("it was scraped again", lambda: cls.look() and time.time() > closed + 3)
        cls.over = time.time()
        for member in list(cls.stage.members)[1:]:
            cls.stage.order(f"kill {member}")
        until("the last one alarms", lambda: cls.look() and "FailoverdQuorumLost" in cls.seen)

    @classmethod
    def value(cls, expression):
        found = cls.prometheus.query(expression)
        return float(found[0]["value"][1]) if found else 0

    @classmethod
    def look(cls):
        """Remembers which alerts fire, and which wait for their time."""
        for alert in cls.prometheus.ask("alerts")["alerts"]:
            name = alert["labels"]["alertname"]
            cls.seen.add(name if alert["state"] == "firing" else f"{name} pending")
        return True

    def test_the_alerts_of_a_failover_were_raised(self):
        for name in [
            "FailoverdFailoverExecuting",
            "FailoverdQuorumLost",
            # What takes minutes to fire is seen to wait.
            "FailoverdNoCandidate pending",
            "FailoverdMemberDown pending",
            "FailoverdPeerDisconnected pending",
        ]:
            self.assertIn(name, self.seen)

    def test_every_rule_was_evaluated(self):
        groups = self.prometheus.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertEqual(len(rules), len(re.findall(r"- (?:alert|record): ", RULES.read_text())))
        for rule in rules:
            self.assertEqual(rule["health"], "ok", rule)

    def test_no_panel_is_empty(self):
        end = self.over
        window = f"{int(end - self.begun) + 1}s"
        empty = []
        for name in BOARDS:
            board = json.loads((DEPLOY / "grafana" / f"{name}.json").read_text())
            for panel in panels(board):
                for target in panel["targets"]:
                    expression = target["expr"]
                    for variable, text in {
                        "$job": "failoverd",
                        "$application": "shop",
                        "$__rate_interval": "5s",
                        "$__range": window,
                    }.items():
                        expression = expression.replace(variable, text)
                    if target["instant"]:
                        found = self.prometheus.query(expression, at=end)
                    else:
                        found = self.prometheus.series(expression, self.begun, end)
                    finite = [s for s in found if any_number(s)]
                    if not finite:
                        empty.append(f"{name}: {panel['title']}: {expression}")
                    self.legend(target, found, f"{name}: {panel['title']}")
        self.assertEqual(empty, [], "\n".join(empty))

    def legend(self, target, found, where):
        """A legend names labels that the series have."""
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            # `or vector(0)`: there was nothing to name.
            named = [series for series in found if series["metric"]]
            has = any(label in series["metric"] for series in named) or not named
            self.assertTrue(has, f"{where}: no series has the label {label}")

    def test_the_variables_find_something(self):
        for name in BOARDS:
            board = json.loads((DEPLOY / "grafana" / f"{name}.json").read_text())
            for variable in board["templating"]["list"][1:]:
                asked = variable["query"]["query"].replace("$job", "failoverd")
                metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", asked).groups()
                found = self.prometheus.ask(f"label/{label}/values", **{"match[]": metric})
                self.assertTrue(found, asked)

    def test_every_metric_is_documented(self):
        names = self.prometheus.ask("label/__name__/values")
        ours = {name for name in names if name.startswith("failoverd_")}
        self.assertGreater(len(ours), 60)
        known = documented()
        for name in ours:
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertTrue({name, plain} & known, f"{name} is not in docs/metrics.md")

    def test_promtool_takes_a_live_scrape(self):
        api = next(iter(self.stage.members.values()))
        headers, text = support.get(api + "/metrics")
        self.assertIn("text/plain; version=0.0.4", headers["content-type"])
        checked = promtool("check", "metrics", input=text)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        headers, text = support.get(api + "/metrics", "application/openmetrics-text;version=1.0.0")
        self.assertIn("application/openmetrics-text", headers["content-type"])
        self.assertTrue(text.endswith("# EOF\n"))


def any_number(series):
    values = series.get("values") or [series["value"]]
    return any(value not in ("NaN", "+Inf", "-Inf") for _, value in values)


if __name__ == "__main__":
    unittest.main()
