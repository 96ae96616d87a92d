"""The Terraform modules: formatted, parsed, each name held against the provider's own, scanned, what failoverd moves
left alone; and the configuration it prints rendered by Terraform and taken by failoverd."""

import fnmatch
import json
import pathlib
import re
import shutil
import tempfile
import unittest

import hcl2

import support
from provider_schema import SCHEMA, camel

TERRAFORM = support.DEPLOY / "terraform"
SAMPLE = pathlib.Path(__file__).with_name("sample.tfvars.json")

# What Terraform itself knows of every resource.
META = {"count", "for_each", "provider", "depends_on", "lifecycle", "provisioner"}

# What each writing call of the daemon changes of what is made here. `None` where nothing of it is an argument.
MOVED = {
    "globalaccelerator:UpdateEndpointGroup": (
        "aws_globalaccelerator_endpoint_group",
        {"traffic_dial_percentage", "endpoint_configuration"},
    ),
    "route53:ChangeResourceRecordSets": ("aws_route53_record.failover", {"failover_routing_policy"}),
    "rds:SwitchoverGlobalCluster": ("aws_rds_cluster", {"replication_source_identifier", "source_region"}),
    "rds:FailoverGlobalCluster": ("aws_rds_cluster", {"replication_source_identifier", "source_region"}),
    "rds:RemoveFromGlobalCluster": ("aws_rds_cluster", {"global_cluster_identifier"}),
    "eks:UpdateNodegroupConfig": ("aws_eks_node_group.web", {"scaling_config"}),
}


# Calls for which AWS asks for no permission.
NOBODYS_LEAVE = {"sts:GetCallerIdentity"}

# Calls of actions and checks that the printed configuration does not use; `failoverctl iam-policy` allows them
# to one that does.
NOT_USED = {
    "cloudwatch:DescribeAlarms",
    "rds:RemoveFromGlobalCluster",
    "route53-recovery-cluster:GetRoutingControlState",
    "route53-recovery-cluster:UpdateRoutingControlStates",
}

# Calls that change what these modules do not make.
NOT_MADE = {"route53-recovery-cluster:UpdateRoutingControlStates"}


def files():
    found = sorted(TERRAFORM.rglob("*.tf"))
    return [path for path in found if ".terraform" not in path.parts]


def parsed(path):
    with open(path, encoding="utf-8") as text:
        return hcl2.load(text)


def blocks(kind):
    """Each resource or data source: its file, type, name and body."""
    for path in files():
        for each in parsed(path).get(kind, []):
            for type_name, named in each.items():
                for name, body in named.items():
                    yield path, type_name, name, body


def used_types():
    return {kind: {type_name for _, type_name, _, _ in blocks(kind)} for kind in ("resource", "data")}


def given(body):
    """What is written in a block: no line numbers."""
    return {key: value for key, value in body.items() if not key.startswith("__")}


def ignored(body):
    lists = [rules for cycle in body.get("lifecycle", []) for rules in cycle.get("ignore_changes", [])]
    return {rule.strip("${}") for rules in lists for rule in rules}


def terraform(*words, cwd, code=0):
    # A configuration of the tester's own could name a mirror: nothing is fetched here.
    return support.run("terraform", *words, cwd=cwd, code=code,
                       environment={"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1"})  # fmt: skip


class Text(unittest.TestCase):
    def test_every_file_parses(self):
        self.assertGreater(len(files()), 20)
        for path in files():
            with self.subTest(path):
                parsed(path)

    @support.needs("terraform")
    def test_every_file_is_formatted(self):
        terraform("fmt", "-check", "-recursive", "-diff", TERRAFORM, cwd=support.ROOT)

    def test_every_module_is_given_what_it_asks_for_and_nothing_else(self):
        for path in files():
            for each in parsed(path).get("module", []):
                for name, body in each.items():
                    source = path.parent / body["source"][0]
                    wanted = {}
                    outputs = set()
                    for file in source.glob("*.tf"):
                        content = parsed(file)
                        for variable in content.get("variable", []):
                            wanted.update(variable)
                        for output in content.get("output", []):
                            outputs.update(output)
                    known = set(given(body)) - META - {"source", "providers"}
                    needed = {key for key, v in wanted.items() if "default" not in v}
                    self.assertLessEqual(known, set(wanted), f"module {name}")
                    self.assertLessEqual(needed, known, f"module {name}")
                    text = "\n".join(f.read_text() for f in path.parent.glob("*.tf"))
                    asked = set(re.findall(rf"\bmodule\.{name}\.([a-z0-9_]+)", text))
                    self.assertLessEqual(asked, outputs, f"module {name}")

    def test_what_the_root_reads_of_a_region_by_another_name_is_there(self):
        text = "\n".join(path.read_text() for path in TERRAFORM.glob("*.tf"))
        for word, folder in (("region", "region"), ("database", "database")):
            outputs = set(re.findall(r'output "(\w+)"', (TERRAFORM / "modules" / folder / "outputs.tf").read_text()))
            asked = set(re.findall(rf"(?<!var\.)\b{word}\.([a-z0-9_]+)", text))
            self.assertGreaterEqual(len(asked), 2)
            self.assertLessEqual(asked, outputs, folder)

    def test_every_variable_and_local_is_there_and_used(self):
        for folder in {path.parent for path in files()}:
            content = [parsed(path) for path in folder.glob("*.tf")]
            text = "\n".join(path.read_text() for path in folder.glob("*.tf"))
            for kind, word in (("variable", "var"), ("locals", "local")):
                there = set()
                for each in content:
                    for block in each.get(kind, []):
                        there |= set(given(block))
                asked = set(re.findall(rf"\b{word}\.([a-z0-9_]+)", text))
                self.assertEqual(there, asked, f"{folder.name}: {kind}")

    def test_the_example_gives_what_the_root_asks_for(self):
        with open(TERRAFORM / "terraform.tfvars.example", encoding="utf-8") as text:
            example = set(given(hcl2.load(text)))
        variables = {}
        for each in parsed(TERRAFORM / "variables.tf")["variable"]:
            variables.update(each)
        needed = {k for k, v in variables.items() if "default" not in v and "sensitive" not in v}
        self.assertEqual(example, needed)


class Provider(unittest.TestCase):
    """Against the schema of the provider that `versions.tf` asks for."""

    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads(SCHEMA.read_text())

    def test_it_is_the_version_that_is_required(self):
        name, version = self.schema["provider"].split()
        for path in TERRAFORM.rglob("versions.tf"):
            text = path.read_text()
            if name in text:
                self.assertIn(f">= {version.rsplit('.', 1)[0]}, < 7.0", text, path)

    def test_every_argument_is_known_and_none_is_missing(self):
        for kind in ("resource", "data"):
            for path, type_name, name, body in blocks(kind):
                with self.subTest(f"{path.parent.name}: {type_name}.{name}"):
                    self.check(given(body), self.schema[kind][type_name]["arguments"], type_name)

    def check(self, body, arguments, where):
        for key, values in body.items():
            if key in META:
                continue
            self.assertIn(key, arguments, where)
            if arguments[key]["block"]:
                for inner in values:
                    if isinstance(inner, dict):
                        self.check(given(inner), arguments[key]["block"], f"{where}.{key}")
        missing = {key for key, argument in arguments.items() if argument["required"]} - set(body)
        self.assertFalse(missing, where)

    def test_a_name_that_is_none_would_be_found(self):
        arguments = self.schema["resource"]["aws_eks_node_group"]["arguments"]
        with self.assertRaises(AssertionError):
            self.check({"scaling_config": [{"min_sise": [1]}]}, arguments, "x")
        with self.assertRaises(AssertionError):
            self.check({"cluster_name": ["x"]}, arguments, "x")

    def test_every_attribute_that_is_read_is_there(self):
        seen = 0
        for folder in {path.parent for path in files()}:
            text = "\n".join(path.read_text() for path in folder.glob("*.tf"))
            text = re.sub(r"(?m)#.*$", "", text)
            here = {
                (kind, type_name, name)
                for kind in ("resource", "data")
                for path, type_name, name, _ in blocks(kind)
                if path.parent == folder
            }
            reference = r"\b(data\.)?(aws_[a-z0-9_]+)\.([a-z0-9_]+)(?:\[[^\]]*\])?(?:\.([a-z0-9_]+))?"
            for data, type_name, name, attribute in re.findall(reference, text):
                kind = "data" if data else "resource"
                if (kind, type_name, name) not in here:
                    self.assertNotIn(type_name, self.schema[kind], f"{folder.name}: {type_name}.{name}")
                    continue
                if attribute:
                    known = self.schema[kind][type_name]["attributes"]
                    self.assertIn(camel(attribute), known, f"{folder.name}: {type_name}.{name}")
                    seen += 1
        self.assertGreater(seen, 50)

    def test_what_is_ignored_is_an_argument(self):
        for path, type_name, name, body in blocks("resource"):
            known = set(self.schema["resource"][type_name]["arguments"])
            self.assertLessEqual(ignored(body), known, f"{type_name}.{name}")


class Moved(unittest.TestCase):
    """What failoverd moves, Terraform does not move back."""

    def test_every_call_that_writes_is_spoken_of(self):
        writes = {action for action, changes in support.permissions().items() if changes}
        self.assertEqual(writes - NOT_MADE, set(MOVED), "say in MOVED what a new call changes, and ignore it")

    def test_terraform_leaves_alone_what_failoverd_moves(self):
        for action, (resource, arguments) in MOVED.items():
            type_name, _, only = resource.partition(".")
            found = [b for _, t, n, b in blocks("resource") if t == type_name and only in ("", n)]
            self.assertTrue(found, action)
            for body in found:
                self.assertLessEqual(arguments, ignored(body), f"{action}: {resource}")

    def test_the_record_of_the_epoch_is_nobody_elses(self):
        for _, type_name, name, body in blocks("resource"):
            if type_name == "aws_route53_record":
                self.assertNotIn("TXT", json.dumps(body.get("type")), name)


class Scan(unittest.TestCase):
    @support.needs("checkov")
    def test_the_scanner_finds_nothing(self):
        told = support.run(
            support.beside("checkov"), "--directory", TERRAFORM, "--framework", "terraform",
            "--skip-download", "--quiet", "--compact", "--output", "json",
        )  # fmt: skip
        summary = json.loads(told)["summary"]
        self.assertEqual(summary["failed"], 0, told)
        self.assertEqual(summary["parsing_errors"], 0, told)
        self.assertGreater(summary["passed"], 300)

    def test_nothing_is_skipped_without_a_reason(self):
        for path in files():
            for line in path.read_text().splitlines():
                if "checkov:skip" in line:
                    self.assertRegex(line, r"#checkov:skip=CKV2?_AWS_\d+:.{20,}", path)


class Printed(unittest.TestCase):
    """modules/config, which asks for no provider, applied by Terraform itself."""

    @classmethod
    def setUpClass(cls):
        if support.beside("terraform") is None:
            if "terraform" in support.REQUIRED:
                raise AssertionError("terraform is required and not installed")
            raise unittest.SkipTest("not run: terraform is not installed")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name) / "config"
        shutil.copytree(TERRAFORM / "modules" / "config", cls.folder)
        terraform("init", "-backend=false", "-no-color", cwd=cls.folder)
        cls.outputs = cls.applied(SAMPLE)
        if support.WRITE:
            for member, text in cls.outputs["failoverd_toml"].items():
                cls.committed(member).write_text(text)

    @classmethod
    def applied(cls, variables):
        terraform("apply", "-auto-approve", "-no-color", f"-var-file={variables}", cwd=cls.folder)
        told = json.loads(terraform("output", "-json", cwd=cls.folder))
        return {name: output["value"] for name, output in told.items()}

    @staticmethod
    def committed(member):
        return support.DEPLOY / "kubernetes" / "overlays" / member / "failoverd.toml"

    def test_a_daemon_would_start_with_it(self):
        self.assertEqual(set(self.outputs["failoverd_toml"]), set(support.MEMBERS))
        for member, text in self.outputs["failoverd_toml"].items():
            path = self.folder / f"{member}.toml"
            path.write_text(text)
            self.assertIn(f"valid. {member} of 3 members", support.validate(path))

    def test_kubernetes_has_the_same(self):
        for member, text in self.outputs["failoverd_toml"].items():
            self.assertEqual(self.committed(member).read_text(), text, member)

    def test_on_loopback_nothing_is_said_of_plain_text(self):
        told = self.applied(self.sample(api="127.0.0.1:7400"))
        path = self.folder / "loopback.toml"
        path.write_text(told["failoverd_toml"]["witness"])
        self.assertNotIn("api_tls", path.read_text())
        self.assertIn("0 warnings", support.validate(path))

    def test_names_that_mean_something_to_toml_are_text(self):
        strange = 'a"b\\c\n[node]'
        sample = json.loads(SAMPLE.read_text())["application"] | {"write_check_url": strange}
        told = self.applied(self.sample(application=sample))
        import tomllib

        config = tomllib.loads(told["failoverd_toml"]["witness"])
        self.assertEqual(config["application"][0]["vars"]["write_check_url"], strange)

    def test_a_mistake_is_refused_before_anything_is_printed(self):
        sample = json.loads(SAMPLE.read_text())
        two = self.sample(members=sample["members"][:2])
        terraform("apply", "-auto-approve", f"-var-file={two}", cwd=self.folder, code=1)
        regions = [region | {"role": "active"} for region in sample["regions"]]
        both = self.sample(regions=regions)
        terraform("apply", "-auto-approve", f"-var-file={both}", cwd=self.folder, code=1)

    def sample(self, **changes):
        path = self.folder / "changed.tfvars.json"
        path.write_text(json.dumps(json.loads(SAMPLE.read_text()) | changes))
        return path

    def test_the_policy_allows_what_the_daemon_calls_and_nothing_else(self):
        policy = json.loads(self.outputs["iam_policy"])
        allowed = set()
        for statement in policy["Statement"]:
            self.assertEqual(statement["Effect"], "Allow")
            allowed |= set(statement["Action"])
            if statement["Resource"] == ["*"]:
                # Reads of what has no narrower name.
                self.assertTrue(all(not support.permissions()[a] for a in statement["Action"]))
        self.assertEqual(allowed, set(support.permissions()) - NOBODYS_LEAVE - NOT_USED)
        self.assertFalse(any("*" in action for action in allowed))

    def test_the_policy_is_that_of_failoverctl_or_narrower(self):
        path = self.folder / "policy.toml"
        path.write_text(self.outputs["failoverd_toml"]["witness"])
        wanted = self.by_action(support.run(support.FAILOVERCTL, "iam-policy", "--config", path))
        ours = self.by_action(self.outputs["iam_policy"])
        self.assertEqual(set(ours), set(wanted))
        for action, patterns in wanted.items():
            fits = {(p, r) for p in patterns for r in ours[action] if fnmatch.fnmatchcase(r, p)}
            self.assertEqual({p for p, _ in fits}, patterns, f"{action}: left out")
            self.assertEqual({r for _, r in fits}, ours[action], f"{action}: wider")

    @staticmethod
    def by_action(policy):
        found = {}
        for statement in json.loads(policy)["Statement"]:
            for action in statement["Action"]:
                found.setdefault(action, set()).update(statement["Resource"])
        return found

    def test_the_policy_names_this_product_alone(self):
        sample = json.loads(SAMPLE.read_text())
        policy = json.loads(self.outputs["iam_policy"])
        by_action = {a: s for s in policy["Statement"] for a in s["Action"]}
        promote = by_action["rds:FailoverGlobalCluster"]["Resource"]
        wanted = {region["db_cluster_arn"] for region in sample["regions"]}
        wanted.add("arn:aws:rds::111122223333:global-cluster:shop-global")
        self.assertEqual(set(promote), wanted)
        names = by_action["route53:ChangeResourceRecordSets"]["Condition"]["ForAllValues:StringEquals"]
        self.assertEqual(
            names["route53:ChangeResourceRecordSetsNormalizedRecordNames"],
            ["shop.example.com", "_failoverd.shop.example.com"],
        )


class Alike(unittest.TestCase):
    """What two parts of the deployment must say alike."""

    def test_ports_and_accounts(self):
        peer = (TERRAFORM / "modules/region/peer.tf").read_text()
        port = re.search(r"peer_node_port = (\d+)", peer).group(1)
        services = (support.DEPLOY / "kubernetes/base/services.yaml").read_text()
        self.assertIn(f"nodePort: {port}", services)
        identity = (TERRAFORM / "modules/identity/variables.tf").read_text()
        self.assertIn('default     = "failoverd:failoverd"', identity)
        account = (support.RENDERED / "witness.yaml").read_text()
        self.assertIn("name: failoverd\n  namespace: failoverd\n", account)


if __name__ == "__main__":
    unittest.main()
