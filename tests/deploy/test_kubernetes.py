"""The manifests: rendered by kustomize, valid to the letter of Kubernetes' own schemas, hardened, and with a
configuration that a daemon would start with."""

import json
import pathlib
import re
import tempfile
import unittest

import yaml

import support

KUBERNETES = support.DEPLOY / "kubernetes"
RULES = support.DEPLOY / "observability" / "prometheus" / "failoverd.rules.yml"
ALERTS = KUBERNETES / "components" / "alerts" / "prometheus-rule.yaml"

# The oldest and the newest that AWS and the Kubernetes project support at the time of writing.
VERSIONS = ("1.31", "1.32", "1.33")

# What no Kubernetes schema knows: the Prometheus operator's.
FOREIGN = {"monitoring.coreos.com/v1"}

ALERTS_HEAD = """\
# Written by tests/deploy/test_kubernetes.py from deploy/observability/prometheus/failoverd.rules.yml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: failoverd
  namespace: failoverd
  labels:
    app.kubernetes.io/name: failoverd
spec:
"""


def setUpModule():
    """Writes what is committed anew, where that is asked for: before anything looks at it."""
    if support.WRITE:
        support.RENDERED.mkdir(exist_ok=True)
        ALERTS.write_text(alerts())
        for member in support.MEMBERS:
            (support.RENDERED / f"{member}.yaml").write_text(kustomized(member))


def kustomized(member):
    return support.run("kubectl", "kustomize", KUBERNETES / "overlays" / member)


def alerts():
    """The rules as the Prometheus operator reads them."""
    text = RULES.read_text()
    return ALERTS_HEAD + re.sub(r"(?m)^(?=.)", "  ", text[text.index("groups:") :])


def rendered(member):
    """Every object of that member, as it is committed: the same wherever no kustomize is installed."""
    return list(yaml.safe_load_all((support.RENDERED / f"{member}.yaml").read_text()))


def only(objects, kind, name=None):
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, (kind, name, [o["metadata"]["name"] for o in found])
    return found[0]


class Rendering(unittest.TestCase):
    @support.needs("kubectl")
    def test_what_is_committed_is_what_kustomize_makes(self):
        for member in support.MEMBERS:
            with self.subTest(member):
                support.same_as_rendered(self, f"{member}.yaml", kustomized(member))

    def test_every_member_has_an_overlay_and_nobody_else(self):
        overlays = {path.name for path in (KUBERNETES / "overlays").iterdir()}
        self.assertEqual(overlays, set(support.MEMBERS))

    def test_the_rules_are_those_of_prometheus_to_the_letter(self):
        self.assertEqual(ALERTS.read_text(), alerts())
        self.assertEqual(yaml.safe_load(alerts())["spec"], yaml.safe_load(RULES.read_text()))


class Schemas(unittest.TestCase):
    def test_every_object_is_valid_strictly(self):
        import kubernetes_validate

        for member in support.MEMBERS:
            for each in rendered(member):
                if each["apiVersion"] in FOREIGN:
                    continue
                for version in VERSIONS:
                    with self.subTest(f"{member} {each['kind']} {version}"):
                        kubernetes_validate.validate(each, version, strict=True)

    def test_the_validator_would_find_a_mistake(self):
        import kubernetes_validate

        wrong = only(rendered("witness"), "StatefulSet")
        wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)

    def test_what_the_operator_reads_has_its_shape(self):
        for member in support.MEMBERS:
            objects = rendered(member)
            monitor = only(objects, "ServiceMonitor")["spec"]
            labels = monitor["selector"]["matchLabels"].items()
            chosen = [
                o for o in objects
                if o["kind"] == "Service" and labels <= o["metadata"]["labels"].items()
            ]  # fmt: skip
            # The job, by which the rules aggregate, is the Service's name.
            self.assertEqual([o["metadata"]["name"] for o in chosen], ["failoverd-api"])
            ports = {port["name"] for port in chosen[0]["spec"]["ports"]}
            self.assertLessEqual({end["port"] for end in monitor["endpoints"]}, ports)
        # Where one member's metrics are not all, a rule that counts members would cry wolf.
        with_alerts = [m for m in support.MEMBERS if "kind: PrometheusRule" in
                       (support.RENDERED / f"{m}.yaml").read_text()]  # fmt: skip
        self.assertEqual(with_alerts, ["witness"])


# Checks that are answered otherwise, each with its reason.
NOT_ASKED = {
    "CKV_K8S_11": "a throttled loop cannot prove its lead in time: memory is limited, CPU is not",
    "CKV_K8S_15": "a node must be able to start it again when the registry is part of what was lost",
    "CKV_K8S_43": "which image it is, by digest, is said where it is pushed",
}


class Scan(unittest.TestCase):
    @support.needs("checkov")
    def test_the_scanner_finds_nothing(self):
        # The witness has every kind of object.
        told = support.run(
            support.beside("checkov"), "--file", support.RENDERED / "witness.yaml",
            "--file", support.ROOT / "Dockerfile", "--framework", "kubernetes", "dockerfile",
            "--skip-check", ",".join(NOT_ASKED), "--skip-download", "--quiet", "--output", "json",
        )  # fmt: skip
        found = {report["check_type"]: report["summary"] for report in json.loads(told)}
        self.assertEqual(set(found), {"kubernetes", "dockerfile"})
        for kind, summary in found.items():
            self.assertEqual((summary["failed"], summary["parsing_errors"]), (0, 0), f"{kind}: {told}")
            self.assertGreater(summary["passed"], 30)


class Pod(unittest.TestCase):
    def setUp(self):
        self.objects = rendered("eu-west-1")
        self.set = only(self.objects, "StatefulSet")["spec"]
        self.pod = self.set["template"]["spec"]
        (self.container,) = self.pod["containers"]

    def test_it_may_nothing(self):
        pod, container = self.pod["securityContext"], self.container["securityContext"]
        self.assertTrue(pod["runAsNonRoot"])
        self.assertEqual(pod["seccompProfile"]["type"], "RuntimeDefault")
        self.assertTrue(container["readOnlyRootFilesystem"])
        self.assertFalse(container["allowPrivilegeEscalation"])
        self.assertEqual(container["capabilities"], {"drop": ["ALL"]})
        self.assertFalse(self.pod["automountServiceAccountToken"])

    def test_it_is_the_user_of_the_image(self):
        user = re.search(r"(?m)^USER (\d+):(\d+)$", (support.ROOT / "Dockerfile").read_text())
        context = self.pod["securityContext"]
        self.assertEqual(user.group(1), str(context["runAsUser"]))
        self.assertEqual(user.group(2), str(context["runAsGroup"]))

    def test_its_options_are_the_daemons(self):
        told = support.run(support.FAILOVERD, "--help")
        for word in self.container["args"]:
            if word.startswith("--"):
                self.assertIn(word, told)

    def test_its_probes_ask_pages_that_there_are(self):
        pages = (support.ROOT / "src" / "api" / "routes" / "pages.rs").read_text()
        ports = {port["name"] for port in self.container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = self.container[probe]["httpGet"]
            self.assertIn(f'.route("{asked["path"]}"', pages)
            self.assertIn(asked["port"], ports)
            self.assertEqual(asked["scheme"], "HTTPS")
        self.assertEqual(self.container["readinessProbe"]["httpGet"]["path"], "/readyz")

    def test_every_selector_chooses_it(self):
        labels = self.set["template"]["metadata"]["labels"].items()
        selectors = [self.set["selector"]["matchLabels"]]
        selectors += [s["labelSelector"]["matchLabels"] for s in self.pod["topologySpreadConstraints"]]
        for each in self.objects:
            if each["kind"] == "Service":
                selectors.append(each["spec"]["selector"])
            elif each["kind"] == "PodDisruptionBudget":
                selectors.append(each["spec"]["selector"]["matchLabels"])
            elif each["kind"] == "NetworkPolicy":
                selectors.append(each["spec"]["podSelector"]["matchLabels"])
        self.assertGreaterEqual(len(selectors), 8)
        for selector in selectors:
            self.assertTrue(selector and selector.items() <= labels, selector)

    def test_the_members_are_reached_before_they_are_ready(self):
        peer = only(self.objects, "Service", "failoverd-peer")["spec"]
        self.assertTrue(peer["publishNotReadyAddresses"])


class Configuration(unittest.TestCase):
    def test_each_is_valid_as_it_is_mounted(self):
        for member in support.MEMBERS:
            with self.subTest(member), tempfile.TemporaryDirectory() as folder:
                objects = rendered(member)
                text = only(objects, "ConfigMap")["data"]["failoverd.toml"]
                path = pathlib.Path(folder) / "failoverd.toml"
                path.write_text(text)
                told = support.validate(path)
                self.assertRegex(told, rf"valid\. {member} of 3 members, \d+ runbooks, 0 warnings")
                self.assertEqual(
                    text, (KUBERNETES / "overlays" / member / "failoverd.toml").read_text()
                )

    def test_every_file_it_names_is_mounted_there(self):
        import tomllib

        for member in support.MEMBERS:
            objects = rendered(member)
            pod = only(objects, "StatefulSet")["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
            (config,) = pod["volumes"]
            files = {"failoverd.toml"}
            for source in config["projected"]["sources"]:
                files |= {i["path"] for i in source.get("secret", {}).get("items", [])}
            files = {f"{mounts['config']}/{name}" for name in files}
            told = tomllib.loads(only(objects, "ConfigMap")["data"]["failoverd.toml"])
            named = [told["auth"]["tokens_file"], *told["api_tls"].values(), *told["tls"].values()]
            self.assertLessEqual(set(named), files)
            self.assertIn(container["args"][1], files)
            self.assertEqual(told["node"]["data_dir"], mounts["ledger"])
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            self.assertEqual(told["node"]["api"], f"0.0.0.0:{ports['api']}")
            self.assertEqual(told["node"]["peer"], f"0.0.0.0:{ports['peer']}")

    def test_members_differ_in_who_they_are_alone(self):
        import tomllib

        told = []
        for member in support.MEMBERS:
            path = KUBERNETES / "overlays" / member / "failoverd.toml"
            config = tomllib.loads(path.read_text())
            self.assertEqual(config["node"].pop("id"), member)
            told.append(config)
        self.assertTrue(all(config == told[0] for config in told))

    def test_each_has_a_role_of_its_own(self):
        roles = set()
        for member in support.MEMBERS:
            account = only(rendered(member), "ServiceAccount")
            roles.add(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"])
        self.assertEqual(len(roles), len(support.MEMBERS))


if __name__ == "__main__":
    unittest.main()
