"""The image, as far as it can be shown without a container engine: its recipe is linted, its context is
what the build reads, and its root file system is laid out, mounted read-only and started as nobody."""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import support

DOCKERFILE = support.ROOT / "Dockerfile"

# Only what has gone wrong ever waits so long.
PATIENCE_S = 60

# One member that is alone, and nothing of AWS.
CONFIG = """
[node]
id = "alone"
data_dir = "/var/lib/failoverd"
api = "127.0.0.1:{port}"

[[member]]
id = "alone"
region = "eu-west-1"

{references}
[[application]]
name = "shop"
[application.runbooks]
failover = "none"
switchover = "none"
failback = "none"

[[application.region]]
name = "eu-west-1"
role = "active"
[[application.region.probe]]
id = "web"
kind = "tcp"
address = "127.0.0.21:{port}"

[[application.region]]
name = "eu-central-1"
role = "standby"
[[application.region.probe]]
id = "web"
kind = "tcp"
address = "127.0.0.22:{port}"
"""

REFERENCE = """
[[detection.reference]]
id = "{name}"
kind = "tcp"
address = "127.0.0.{host}:{port}"
"""

# A runbook that changes nothing.
RUNBOOK = """
schema = 1
name = "none"
description = "Nothing moves."
for = ["failover", "switchover", "failback"]
objective = { rto = "5m", rpo = "10s" }

[[step]]
id = "nothing"
uses = "wait"
with = { duration = "1s" }
"""

# In a mount namespace of its own: the root file system read-only, one folder of it not.
START = """
set -eu
root=$1 data=$2
shift 2
mount --bind "$root" "$root"
mount --bind "$data" "$root/var/lib/failoverd"
mount -o remount,ro,bind "$root"
exec chroot --userspec=65532:65532 "$root" "$@"
"""


def configure(etc, port):
    """Writes the configuration of a member that is alone."""
    references = "".join(REFERENCE.format(name=f"r{n}", host=n, port=port) for n in (11, 12, 13))
    (etc / "failoverd.toml").write_text(CONFIG.format(port=port, references=references))
    (etc / "runbooks").mkdir()
    (etc / "runbooks" / "none.toml").write_text(RUNBOOK)


def instructions():
    """Each instruction of the Dockerfile, whole."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


def context():
    """The files that are sent to a builder: tracked files through `.dockerignore`, whose last matching
    line decides."""
    rules = []
    for line in (support.ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        taken = line.startswith("!")
        pattern = line.lstrip("!")
        regex = "".join(
            {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
            for part in re.split(r"(\*\*/|\*|\?)", pattern)
        )
        rules.append((taken, re.compile(rf"{regex}(?:/.*)?\Z")))
    tracked = support.run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    chosen = set()
    for path in tracked.splitlines():
        decided = [taken for taken, regex in rules if regex.match(path)]
        if not decided or decided[-1]:
            chosen.add(path)
    return chosen


class Recipe(unittest.TestCase):
    @support.needs("hadolint")
    def test_the_linter_has_nothing_to_say(self):
        support.run(support.beside("hadolint"), DOCKERFILE)

    def test_the_build_takes_the_lock_file_as_it_is(self):
        builds = [words for name, words in instructions() if name == "RUN"]
        self.assertTrue(any("cargo build --release --locked --bins" in words for words in builds))

    def test_the_last_stage_starts_from_nothing_as_nobody(self):
        last = instructions()
        first = max(n for n, (name, _) in enumerate(last) if name == "FROM")
        stage = last[first:]
        self.assertEqual(stage[0], ["FROM", "scratch"])
        self.assertNotIn("RUN", [name for name, _ in stage])
        self.assertIn(["USER", "65532:65532"], stage)

    def test_no_image_is_named_with_a_host(self):
        for name, words in instructions():
            if name == "FROM":
                self.assertNotRegex(words.split()[0], r"^[^/]*[.:][^/]*/")

    def test_every_word_it_starts_is_a_word_of_the_programs(self):
        for name, words in instructions():
            if name in ("CMD", "ENTRYPOINT"):
                for option in json.loads(words):
                    if option.startswith("--"):
                        self.assertIn(option, support.run(support.FAILOVERD, "--help"))
            if name == "HEALTHCHECK":
                program, verb = json.loads(words[words.index("[") :])
                self.assertEqual(program, "/usr/bin/failoverctl")
                support.run(support.FAILOVERCTL, verb, "--help")


class Context(unittest.TestCase):
    def test_what_the_manifest_names_is_there_and_nothing_secret_or_large(self):
        files = context()
        with tempfile.TemporaryDirectory() as folder:
            for path in files:
                to = pathlib.Path(folder) / path
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(support.ROOT / path, to)
            # Fails where a target's file is missing.
            told = support.run(
                "cargo", "metadata", "--no-deps", "--offline", "--locked", "--format-version", "1",
                cwd=folder,
            )  # fmt: skip
        self.assertIn('"failoverctl"', told)
        self.assertIn("Cargo.lock", files)
        self.assertIn("deploy/image/rootfs.sh", files)
        for path in files:
            self.assertNotRegex(path, r"^(target|\.git|docs|deploy/(terraform|kubernetes))/|\.(pem|key)$")

    def test_what_the_sources_take_in_is_there(self):
        files = context()
        for path in sorted((support.ROOT / "src").rglob("*.rs")):
            # What stands behind it is not compiled into the programs.
            text = path.read_text().split("#[cfg(test)]")[0]
            if "tests" in path.parts or path.stem.endswith("tests") or path.stem == "document":
                continue
            for taken in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', text):
                at = os.path.relpath((path.parent / taken).resolve(), support.ROOT)
                self.assertIn(at, files, f"{path} takes in {taken}")


class RootFileSystem(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = pathlib.Path(cls.folder.name) / "root"
        if os.geteuid() != 0:
            raise unittest.SkipTest("not run: it takes root to give files to another user")
        support.run(
            support.DEPLOY / "image" / "rootfs.sh", cls.root, support.FAILOVERD, support.FAILOVERCTL
        )

    def test_it_holds_the_programs_and_no_other(self):
        found = {p.name for p in self.root.rglob("*") if p.is_file() and os.access(p, os.X_OK)}
        found = {name for name in found if ".so" not in name}
        self.assertEqual(found, {"failoverd", "failoverctl"})

    def test_a_folder_that_is_there_is_not_written_over(self):
        script = support.DEPLOY / "image" / "rootfs.sh"
        support.run(script, self.root, support.FAILOVERD, code=2)

    def test_the_daemon_lives_in_it_read_only_and_as_nobody(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder = pathlib.Path(self.folder.name)
        data = folder / "data"
        data.mkdir()
        os.chown(data, 65532, 65532)
        configure(self.root / "etc" / "failoverd", port)
        command = dict(instructions())["CMD"]
        log = open(folder / "log", "w+")
        self.addCleanup(log.close)
        daemon = subprocess.Popen(
            [
                *("unshare", "--mount", "sh", "-c", START, "sh"),
                *(str(self.root), str(data), "/usr/bin/failoverd", *json.loads(command)),
            ],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers(port):
            log.flush()
            said = (folder / "log").read_text()
            self.assertIsNone(daemon.poll(), said)
            self.assertLess(time.monotonic(), deadline, said)
            time.sleep(0.1)
        # What the HEALTHCHECK asks, from within.
        inside = ["chroot", "--userspec=65532:65532", self.root, "/usr/bin/failoverctl"]
        asked = support.run(*inside, "alive", environment={"FAILOVERCTL_SERVER": f"http://127.0.0.1:{port}"})
        self.assertEqual(asked, "alive\n")
        ledger = [p for p in data.rglob("*") if p.is_file()]
        self.assertTrue(ledger, "no ledger was written")
        self.assertEqual({p.stat().st_uid for p in ledger}, {65532})
        daemon.terminate()
        self.assertEqual(daemon.wait(PATIENCE_S), 0, (folder / "log").read_text())
        support.run(
            *inside, "alive", environment={"FAILOVERCTL_SERVER": f"http://127.0.0.1:{port}"}, code=3
        )

    @staticmethod
    def answers(port):
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/livez")
            return asked.getresponse().status == 200
        except OSError:
            return False


class Engine(unittest.TestCase):
    """The image itself, wherever a container engine answers. `.ci/run image` asks for it: it compiles a release."""

    def setUp(self):
        def answers(engine):
            told = shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True)
            return told and told.returncode == 0

        self.engine = next(filter(answers, ("docker", "podman")), None)
        if self.engine is None:
            self.skipTest("not run: no container engine answers")
        if os.environ.get("FAILOVERD_IMAGE") != "build":
            self.skipTest("not run: FAILOVERD_IMAGE=build builds it, which takes minutes")

    def inspect(self, name, what):
        return support.run(self.engine, "inspect", "--format", what, name).strip()

    def test_it_is_built_started_healthy_and_stopped(self):
        image, name = "failoverd:test", f"failoverd-test-{os.getpid()}"
        support.run(self.engine, "build", "--tag", image, support.ROOT)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        etc = pathlib.Path(folder.name)
        etc.chmod(0o755)
        configure(etc, 7400)
        support.run(
            *(self.engine, "run", "--detach", "--name", name, "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--network", "none"),
            *("--volume", f"{etc}:/etc/failoverd:ro", image),
        )
        self.addCleanup(subprocess.run, [self.engine, "rm", "--force", "--volumes", name], capture_output=True)
        deadline = time.monotonic() + PATIENCE_S
        while self.inspect(name, "{{.State.Health.Status}}") != "healthy":
            logs = subprocess.run([self.engine, "logs", name], capture_output=True, text=True)
            self.assertEqual(self.inspect(name, "{{.State.Running}}"), "true", logs)
            self.assertLess(time.monotonic(), deadline, logs)
            time.sleep(1)
        support.run(self.engine, "stop", "--time", "60", name)
        self.assertEqual(self.inspect(name, "{{.State.ExitCode}}"), "0")


if __name__ == "__main__":
    unittest.main()
