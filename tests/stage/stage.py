"""The stage as other programs use it: the emulated world, its daemons, and tokens for them.

    test ──orders──▶ stage (cargo example) ── failoverd × 3
         ◀──one JSON line each──┘
"""

import hashlib
import json
import os
import pathlib
import secrets
import subprocess
import tempfile

HOME = "eu-west-1"
STANDBY = "eu-central-1"

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = pathlib.Path(os.environ.get("FAILOVERD_EXAMPLES", ROOT / "target/debug/examples"))


class Stage:
    """The emulated world and its daemons; ends with the test."""

    def __init__(self, *arguments, extra=""):
        self.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(self.folder.name) / "extra.toml"
        file.write_text(extra)
        self.process = subprocess.Popen(
            [EXAMPLES / "stage", "--config-extra", file, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = None

    @property
    def told(self):
        """What the stage said when it was ready."""
        if self._told is None:
            line = self.process.stdout.readline()
            assert line, "the stage ended before it was ready"
            self._told = json.loads(line)
        return self._told

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer.get("ok"), (line, answer)
        return answer

    def url(self, member):
        return next(m["api"] for m in self.told["members"] if m["id"] == member)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


class Tokens:
    """A file of tokens, and the configuration that names it."""

    def __init__(self, **roles):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name) / "tokens.toml"
        lines = []
        for name, role in roles.items():
            token = "fod_" + secrets.token_urlsafe(32)
            setattr(self, name, token)
            digest = hashlib.sha256(token.encode()).hexdigest()
            lines.append(
                f'[[token]]\nname = "{name}"\nrole = "{role}"\nsha256 = "{digest}"\n'
                'expires = "2099-01-01T00:00:00Z"\n'
            )
        path.write_text("\n".join(lines))
        path.chmod(0o600)
        self.config = f'[auth]\ntokens_file = "{path}"\n'

    def close(self):
        self.folder.cleanup()
