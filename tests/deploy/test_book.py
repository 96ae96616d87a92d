"""The book: every page is in it, every link leads somewhere, every scenario and verb that is named exists, and the
arithmetic of tuning.md follows from the defaults."""

import pathlib
import re
import tomllib
import unittest

import support

DOCS = support.ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def links(text):
    """Targets of links outside code."""
    text = re.sub(r"(?s)```.*?```", "", text)
    text = re.sub(r"`[^`\n]*`", "", text)
    return re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", text, re.M)


def anchors(path):
    """As GitHub and mdBook make them."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", path.read_text()):
        plain = re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


class Book(unittest.TestCase):
    def test_every_page_is_in_the_summary_once(self):
        listed = [a or b for a, b in links((DOCS / "SUMMARY.md").read_text())]
        pages = {path.name for path in PAGES} - {"SUMMARY.md"}
        self.assertEqual(sorted(listed), sorted(pages))

    def test_the_books_own_file_is_whole(self):
        told = tomllib.loads((DOCS / "book.toml").read_text())
        self.assertEqual(told["book"]["src"], ".")

    def test_every_link_leads_somewhere(self):
        pages = [*PAGES, support.ROOT / "README.md", support.DEPLOY / "README.md"]
        for page in pages:
            for inline, reference in links(page.read_text()):
                link = inline or reference
                if "://" in link:
                    continue
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                with self.subTest(f"{page.name}: {link}"):
                    self.assertTrue(target.exists())
                    if anchor and target.suffix == ".md":
                        self.assertIn(anchor, anchors(target))

    def test_every_scenario_that_is_named_is_shipped(self):
        shipped = {line.split()[0] for line in support.run(support.FAILOVERCTL, "drill", "list").splitlines()}
        seen = set()
        for page in PAGES:
            for name in re.findall(r"--scenario ([a-z0-9-]+)(?![./\w-])", page.read_text()):
                with self.subTest(f"{page.name}: {name}"):
                    self.assertIn(name, shipped)
                seen.add(name)
        self.assertGreater(len(seen), 10)

    def test_every_verb_that_is_typed_is_one(self):
        told = support.run(support.FAILOVERCTL, "--help")
        verbs = set(re.findall(r"(?m)^  ([a-z][a-z-]+) ", told))
        for name in ("concepts", "tutorial", "tuning", "security", "comparison", "deploying"):
            text = (DOCS / f"{name}.md").read_text()
            for verb in re.findall(r"failoverctl ([a-z][a-z-]+)", text):
                with self.subTest(f"{name}: {verb}"):
                    self.assertIn(verb, verbs)


class Tuning(unittest.TestCase):
    """The times of the page, worked out anew."""

    def setUp(self):
        config = (support.ROOT / "failoverd.toml").read_text()

        def default(key):
            value = re.search(rf'(?m)^# {key} = "?(\d+)s?"?', config).group(1)
            return int(value)

        self.page = (DOCS / "tuning.md").read_text()
        interval, timeout, gossip = default("interval"), default("timeout"), default("gossip")
        fall, hold_down = default("fall"), default("hold_down")
        schedule = (support.ROOT / "src/probe/schedule.rs").read_text()
        self.assertIn("jittered by a tenth", schedule)
        self.jittered = interval * 1.1
        self.failing = [(fall - 1) * interval * jitter for jitter in (0.9, 1.1)]
        self.confirmed = (
            self.failing[0],
            # The next probe, those that fail, its answer, a reference target's, gossip.
            self.jittered + self.failing[1] + timeout + timeout + gossip,
        )
        self.decided = (self.confirmed[0] + hold_down, self.confirmed[1] + hold_down + 0.5)

    def row(self, part):
        return re.search(rf"(?m)^\| (?:\*\*)?{part}(?:\*\*)? \| (?:\*\*)?([^|*]+)", self.page).group(1).strip()

    def test_the_table_follows_from_the_defaults(self):
        def span(low, high):
            return f"{low:g} to {high:g} s"

        self.assertEqual(self.row("until the next probe begins"), span(0, self.jittered))
        self.assertEqual(self.row("the probes that must fail"), span(*self.failing))
        self.assertEqual(self.row("confirmed"), span(*self.confirmed))
        self.assertEqual(self.row("decided"), span(*self.decided))


if __name__ == "__main__":
    unittest.main()
