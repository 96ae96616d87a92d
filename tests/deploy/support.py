"""Where things are, what is installed, and how programs are asked."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAMS = pathlib.Path(os.environ.get("FAILOVERD_PROGRAMS", ROOT / "target" / "debug"))
FAILOVERD = PROGRAMS / "failoverd"
FAILOVERCTL = PROGRAMS / "failoverctl"

# What stood here when it was last looked at: rendered anew and compared where the renderer is installed.
RENDERED = pathlib.Path(__file__).resolve().parent / "rendered"

# Set to write RENDERED instead of comparing with it.
WRITE = os.environ.get("FAILOVERD_WRITE_RENDERED") == "1"

# Names of programs, separated by spaces, without which a run is a failure: for hosts that have them.
REQUIRED = os.environ.get("FAILOVERD_DEPLOY_REQUIRED", "").split()

MEMBERS = ("eu-west-1", "eu-central-1", "witness")


def beside(name):
    """A program of the virtual environment that runs this, or of the host."""
    own = pathlib.Path(sys.executable).with_name(name)
    return str(own) if own.exists() else shutil.which(name)


def needs(name):
    """Skips a test, and says why, where a program is not installed and nobody requires it."""
    missing = beside(name) is None
    if missing and name in REQUIRED:
        raise AssertionError(f"{name} is required and not installed")
    return unittest.skipIf(missing, f"not run: {name} is not installed")


def run(*command, cwd=ROOT, environment=None, code=0):
    """What a program wrote to standard output; everything it wrote, if it ended otherwise than expected."""
    # What the tester's own environment says is not meant.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("FAILOVER", "TF_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**own, "NO_COLOR": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != code:
        raise AssertionError(
            f"{' '.join(map(str, command))} ended with {done.returncode}, not {code}:\n"
            f"{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def validate(path, environment=None, code=0):
    """What `failoverctl validate` says of a configuration."""
    return run(FAILOVERCTL, "validate", "--config", path, environment=environment, code=code)


def same_as_rendered(test, name, text):
    """Holds what was rendered just now against what is committed."""
    path = RENDERED / name
    test.maxDiff = None
    test.assertEqual(
        path.read_text(), text, f"{path} is stale: FAILOVERD_WRITE_RENDERED=1 writes it anew"
    )


def permissions():
    """Every AWS action the daemon may call, and whether it writes: the table in the source."""
    source = (ROOT / "src" / "actuate" / "permissions.rs").read_text().split("#[cfg(test)]")[0]
    found = re.findall(r'\b(write|read)\(\s*"([a-z0-9-]+:[A-Za-z0-9]+)"', source)
    assert len(found) > 10, found
    return {action: kind == "write" for kind, action in found}
