"""A stage with three real daemons, a browser, and pages that fail a test for every mistake they make.

    stage (cargo example) ── failoverd × 3 ──HTTP── Chromium ── Playwright ── test

Every wait is for a condition, and bounded.
"""

import json
import os
import pathlib
import re
import sys
import unittest

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "stage"))
from stage import HOME, STANDBY, Stage, Tokens  # noqa: E402, F401: for the tests beside this

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

# The longest that anything may take on a host that is busy. Only failures wait so long.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

# Pictures of every view, for a person to look at.
PICTURES = os.environ.get("FAILOVERD_PAGE_PICTURES")


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
