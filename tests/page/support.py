"""A stage with three real daemons, a browser, and pages that fail a test for every mistake they make.

    stage (cargo example) ── failoverd × 3 ──HTTP── Chromium ── Playwright ── test

Every wait is for a condition, and bounded.
"""

import hashlib
import json
import os
import pathlib
import re
import secrets
import subprocess
import tempfile
import unittest
import urllib.request

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

HOME = "eu-west-1"
STANDBY = "eu-central-1"

# The longest that anything may take on a host that is busy. Only failures wait so long.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

EXAMPLES = pathlib.Path(os.environ.get("FAILOVERD_EXAMPLES", "target/debug/examples"))
# Pictures of every view, for a person to look at.
PICTURES = os.environ.get("FAILOVERD_PAGE_PICTURES")


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

    def give_weight_back(self):
        """What a person does by hand before a failback: the endpoints of the old Region get their
        weight back."""
        config = pathlib.Path(self.told["config"]).read_text()
        endpoint = re.search(r'endpoint_url = "(.+)"', config)[1]
        group = re.search(r'endpoint_group_arn = "(.+)"', config)[1]
        found = accelerator(endpoint, "DescribeEndpointGroup", {"EndpointGroupArn": group})
        endpoints = found["EndpointGroup"]["EndpointDescriptions"]
        wanted = [{"EndpointId": e["EndpointId"], "Weight": 128} for e in endpoints]
        body = {"EndpointGroupArn": group, "EndpointConfigurations": wanted}
        accelerator(endpoint, "UpdateEndpointGroup", body)


def accelerator(endpoint, operation, body):
    request = urllib.request.Request(endpoint, json.dumps(body).encode())
    request.add_header("Content-Type", "application/x-amz-json-1.1")
    request.add_header("X-Amz-Target", f"GlobalAccelerator_V20180706.{operation}")
    scope = "AKIABYHAND/20260101/us-west-2/globalaccelerator/aws4_request"
    request.add_header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


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


class PageCase(unittest.TestCase):
    """A test that looks at pages. Whatever the browser complains of fails it."""

    @classmethod
    def setUpClass(cls):
        cls.playwright = cls.enterClassContext(sync_playwright())
        cls.browser = cls.playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.complaints = []
        # What the browser says of answers that a test has asked for: 401, 409.
        self.expected = []

    def tearDown(self):
        expected = [re.compile(pattern) for pattern in self.expected]
        unexpected = [c for c in self.complaints if not any(e.search(c) for e in expected)]
        self.assertEqual(unexpected, [])

    def page(self, url, token=None, **looks):
        looks.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.browser.new_context(**looks)
        self.addCleanup(context.close)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        if token:
            # As if it had been typed before in this tab.
            page.add_init_script(f"sessionStorage.setItem('failoverd.token', {json.dumps(token)})")
        page.goto(url)
        return page

    def heard(self, message):
        if message.type in ("error", "warning"):
            where = message.location.get("url", "")
            self.complaints.append(f"{message.type}: {message.text} ({where})")

    def picture(self, page, name):
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)

    def fits(self, page):
        """Nothing stands over the edge of the screen."""
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        self.assertLessEqual(wide, 0)


def act(page, name):
    """Opens the dialog of an act in the first line."""
    page.locator(f".headline [data-act={name}]").click()
    return page.get_by_role("dialog")
