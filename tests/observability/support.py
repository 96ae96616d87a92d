"""A stage with three real daemons, and a real Prometheus that scrapes them."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "observability"
RULES = DEPLOY / "prometheus" / "failoverd.rules.yml"
STAGE = pathlib.Path(
    os.environ.get("FAILOVERD_EXAMPLES", ROOT / "target" / "debug" / "examples")
) / "stage"

FAILOVERCTL = STAGE.parent.parent / "failoverctl"

# Only what has gone wrong ever waits so long.
PATIENCE_S = 120

# Real seconds between two scrapes, and two looks at the rules: a failover here takes some ten seconds.
SCRAPE = "500ms"

REQUIRED = os.environ.get("FAILOVERD_PROMETHEUS") == "required"


def missing():
    """Why nothing can be shown here, or None."""
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            return f"not run: {program} is not installed"
    return None


def until(what, look, within=PATIENCE_S, pause=0.25):
    """The first answer of `look` that is true."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"it never was that {what}")
        time.sleep(pause)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Stage:
    """The emulated world and three daemons."""

    def __init__(self, folder, *arguments):
        self.log = open(folder / "stage.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(STAGE), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        # A stage that never becomes steady ends, and with it the wait for its first line.
        giving_up = threading.Timer(PATIENCE_S, self.process.kill)
        giving_up.start()
        line = self.process.stdout.readline()
        giving_up.cancel()
        if not line:
            raise AssertionError(f"the stage ended: {(folder / 'stage.log').read_text()}")
        self.told = json.loads(line)
        self.members = {member["id"]: member["api"] for member in self.told["members"]}

    def order(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer.get("ok"), answer
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def failoverctl(api, *words):
    return subprocess.run(
        [str(FAILOVERCTL), "--server", api, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def get(url, accept=None):
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers, answer.read().decode()


class Prometheus:
    """Debian's own, with the rules as they are shipped."""

    def __init__(self, folder, apis):
        port = free_port()
        targets = [api.removeprefix("http://") for api in apis]
        config = {
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "failoverd", "static_configs": [{"targets": targets}]}],
        }
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.log = open(folder / "prometheus.log", "w", encoding="utf-8")
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        until("Prometheus is ready", self._ready)

    def _ready(self):
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()
        try:
            get(self.url + "/-/ready")
            return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            answer = json.loads(get(url)[1])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression, at=None):
        more = {"time": at} if at else {}
        return self.ask("query", query=expression, **more)["result"]

    def series(self, expression, begin, end, step=1):
        data = self.ask("query_range", query=expression, start=begin, end=end, step=step)
        return data["result"]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
