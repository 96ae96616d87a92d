"""What every suite here needs: child processes that speak JSON lines, clients, and a judge.

    python -m unittest discover --start-directory tests/independent

runs all of them, in a virtual environment with `requirements.txt`, after `cargo build --examples`.
`FAILOVERD_EXAMPLES` names the folder of the built examples, `target/debug/examples` unless given.
"""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = pathlib.Path(
    os.environ.get("FAILOVERD_EXAMPLES", ROOT / "target" / "debug" / "examples")
)

# Only a hung test ever waits so long.
PATIENCE_S = 60

ACTIVE, STANDBY = "eu-west-1", "eu-central-1"

# The Region whose control plane serves the whole world.
HOME_OF = {"route53": "us-east-1", "iam": "us-east-1", "globalaccelerator": "us-west-2"}


def environment(**more):
    """No configuration of this machine's user, no metadata service, credentials of nobody."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        **more,
    }


class Child:
    """A process that answers each line of JSON with one of its own."""

    def __init__(self, command, **more_environment):
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(**more_environment),
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def tell(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.lines.get(timeout=PATIENCE_S)
        if line is None:
            raise AssertionError(f"{self.process.args[0]} ended: {self.process.wait()}")
        return json.loads(line)

    def ask(self, value):
        self.tell(value)
        return self.hear()

    def end(self):
        """Ends its input, and says its exit code."""
        self.process.stdin.close()
        code = self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        return code


class Sandbox(Child):
    """`examples/sandbox.rs`, running."""

    def __init__(self, speed=60, **delays):
        super().__init__(
            [EXAMPLES / "sandbox", "--speed", speed, "--delays", json.dumps(delays)]
        )
        self.told = self.hear()
        self.url = self.told["endpoint_url"]
        self.regions = {region["name"]: region for region in self.told["regions"]}

    def order(self, order):
        answer = self.ask(order)
        if "error" in answer:
            raise AssertionError(f"{order}: {answer['error']}")
        return answer["ok"]

    def fault(self, fault, **details):
        """A fault, for as long as the `with` lasts."""
        return Fault(self, {"fault": fault, **details})


class Fault:
    def __init__(self, sandbox, fault):
        self.sandbox, self.fault = sandbox, fault

    def __enter__(self):
        self.sandbox.order({"inject": self.fault})

    def __exit__(self, *_why):
        self.sandbox.order({"clear": self.fault})


class Actuator(Child):
    """`tests/independent/actuate.rs`, running: the production code."""

    def __init__(self, application):
        super().__init__([EXAMPLES / "actuate"])
        self.tell(application)

    def observe(self, intent):
        return self.ask({"observe": intent})

    def apply(self, intent, attempt=1, leads=True):
        return self.ask({"apply": {"intent": intent, "attempt": attempt, "leads": leads}})

    def read(self, order):
        answer = self.ask(order)
        if "error" in answer:
            raise AssertionError(f"{order}: {answer['error']}")
        return answer["ok"]


def client(url, service, region=None, protocol=None, judged=True):
    """A boto3 client that never tries twice and takes no undeclared answer."""
    session = boto3.session.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="example"
    )
    if protocol:
        speak(session, protocol)
    made = session.client(
        service,
        region_name=HOME_OF.get(service, region or STANDBY),
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S),
    )
    if judged:
        made.meta.events.register("before-parse.*.*", judge)
    return made


def speak(session, protocol):
    """Makes the session speak that one of the protocols that a service is modelled with."""
    loader = session._session.get_component("data_loader")
    load = loader.load_service_model

    def load_speaking(service, kind, api_version=None):
        model = load(service, kind, api_version)
        if kind == "service-2":
            metadata = model["metadata"]
            if protocol not in metadata["protocols"]:
                raise AssertionError(f"{service} does not speak {protocol}")
            metadata = metadata | {"protocol": protocol, "protocols": [protocol]}
            model = model | {"metadata": metadata}
        return model

    loader.load_service_model = load_speaking


def judge(operation_model, response_dict, **_more):
    """Refuses an answer with a member that the service's own model does not declare: parsers pass
    over those, and a sandbox that misspells one would never be found out."""
    status, body = response_dict["status_code"], response_dict["body"]
    shape = operation_model.output_shape
    if status >= 300 or shape is None or not body:
        return
    protocol = operation_model.service_model.resolved_protocol
    name = operation_model.name
    if protocol in ("json", "rest-json"):
        judge_json(json.loads(body), shape, name)
    elif protocol in ("query", "rest-xml"):
        root = xml.etree.ElementTree.fromstring(body)
        if protocol == "query":
            root = next(child for child in root if tag(child) == f"{name}Result")
        judge_xml(root, shape, name)


def member_names(shape):
    return {
        member.serialization.get("name", name): member
        for name, member in shape.members.items()
        if member.serialization.get("location") not in ("header", "headers", "statusCode")
    }


def judge_json(value, shape, path):
    if shape.type_name == "structure":
        members = member_names(shape)
        for name, inner in value.items():
            if name not in members:
                raise AssertionError(f"{path} answers {name}, which its model does not know")
            if inner is not None:
                judge_json(inner, members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            judge_json(inner, shape.member, f"{path}[]")


def tag(element):
    return element.tag.rsplit("}", 1)[-1]


def judge_xml(element, shape, path):
    if shape.type_name == "structure":
        members = member_names(shape)
        for child in element:
            if tag(child) not in members:
                raise AssertionError(f"{path} answers {tag(child)}, which its model does not know")
            judge_xml(child, members[tag(child)], f"{path}.{tag(child)}")
    elif shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if tag(child) != wanted:
                raise AssertionError(f"{path} lists {tag(child)}, and not {wanted}")
            judge_xml(child, shape.member, f"{path}[]")


def refusal(call, *arguments, **parameters):
    """The code and status of the error that a call is answered with."""
    try:
        answer = call(*arguments, **parameters)
    except ClientError as error:
        response = error.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"not refused: {answer}")


def until(what, condition):
    """Looks again and again until something is there, and gives it back."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"never came: {what}")


def aws(url, *words, region=STANDBY):
    """Runs the AWS command line; says its exit code, its output and what it complains of."""
    command = pathlib.Path(sys.executable).with_name("aws")
    done = subprocess.run(
        [command, "--endpoint-url", url, "--region", region, "--output", "json", *words],
        env=environment(AWS_MAX_ATTEMPTS="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    output = json.loads(done.stdout) if done.stdout.strip() else None
    return done.returncode, output, done.stderr.strip()
