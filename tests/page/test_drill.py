"""A whole drill as it is seen and steered on the page: an outage, the failover by itself, the Region's
return, the failback by hand; then a failover by hand, by a runbook that asks somebody."""

import json
import pathlib
import re
import time
import unittest

from playwright.sync_api import expect

from support import HOME, PATIENCE_MS, STANDBY, PageCase, Stage, Tokens, act


NO_NODES = json.dumps({"fault": "no_capacity", "region": STANDBY, "at_most": 2})


class Drill(PageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = Tokens(olga="operator", vera="viewer")
        cls.addClassCleanup(cls.tokens.close)
        # Readiness is looked at while somebody looks.
        often = '[readiness]\ninterval = "10s"\n'
        cls.stage = Stage(extra=cls.tokens.config + often)
        cls.addClassCleanup(cls.stage.close)

    def test_from_outage_to_failback(self):
        page = self.page(self.stage.url("frankfurt"), self.tokens.olga)
        viewer = self.page(self.stage.url("stockholm"), self.tokens.vera)
        self.steady(page)
        self.outage(page, viewer)
        self.rejoin(page)
        self.failback(page)
        self.history(page, viewer)
        self.ask_somebody()
        self.failover_by_hand(page)

    def steady(self, page):
        expect(page.locator(".headline h1")).to_have_text("shop")
        expect(page.locator(".headline .badge")).to_have_text("Steady")
        expect(page.locator(".answer").first).to_contain_text("Nothing.")
        expect(page.locator(".votes .vote.good")).to_have_count(6)
        expect(page.locator(".pulse")).to_have_text("live")
        expect(page.locator(f".region[aria-label='Region {HOME}']")).to_contain_text("serves")
        readiness = page.get_by_role("region", name="Readiness")
        expect(readiness).to_contain_text(re.compile(r"Checked \d+ s ago by \w+"))
        expect(readiness.locator(".badge").first).to_be_visible()
        self.picture(page, "steady-light")

    def outage(self, page, viewer):
        # So that the run is looked at while it goes on: its first step waits for nodes.
        self.stage.order(f"inject {NO_NODES}")
        self.stage.order(f"region-down {HOME}")
        row = page.locator(".votes tbody tr").filter(has=page.get_by_role("rowheader", name=HOME))
        expect(row.locator(".vote.bad")).to_have_count(3)
        expect(row.locator(".vote.bad").first).to_contain_text("down")
        expect(page.locator(".headline .badge")).to_have_text("Executing")
        expect(page.locator("#said")).to_contain_text("executing")
        expect(page.locator(".answer").first).to_contain_text(f"{HOME} is lost")
        self.gantt_moves(page)
        for seen in (page, viewer):
            expect(seen.locator(".run .step[data-status=done]")).to_have_count(8)
            expect(seen.locator(".headline .badge")).to_have_text("Cool-down")
        expect(page.locator(".answer").first).to_contain_text(f"Active Region: {STANDBY}")
        expect(page.locator(".region .tag.kept")).to_have_count(1)
        # Whoever may only look sees the same, and nothing to press.
        expect(viewer.locator(".headline")).to_contain_text("Your token may look, not act.")
        expect(viewer.locator("[data-act]")).to_have_count(0)
        self.picture(viewer, "viewer-light")

    def gantt_moves(self, page):
        """A bar is under way, and more steps come to rest while it is looked at."""
        expect(page.locator(".stretch.moving").first).to_be_visible()
        at_rest = page.locator(".run .step[data-status=done]")
        expect(at_rest.first).to_be_visible()
        before = at_rest.count()
        self.picture(page, "executing-light")
        self.stage.order(f"clear {NO_NODES}")
        expect(page.locator(".run .step[data-status=done]").nth(before)).to_be_visible()

    def rejoin(self, page):
        self.stage.order(f"region-up {HOME}")
        card = page.locator(f".region[aria-label='Region {HOME}']")
        expect(card.locator(".badge")).to_contain_text("up")
        dialog = act(page, "rejoin")
        dialog.get_by_label("Reason").fill("It is sound again.")
        dialog.get_by_role("button", name="Rejoin").click()
        expect(dialog).to_have_count(0)
        expect(card.locator(".tag.kept")).to_have_count(0)
        dialog = act(page, "ack")
        dialog.get_by_role("button", name="Acknowledge").click()
        expect(dialog).to_have_count(0)
        expect(page.locator(".headline .badge")).to_have_text("Steady")

    def failback(self, page):
        dialog = self.what_would_start(page, "failback")
        expect(dialog.locator(".plan-head")).to_contain_text(f"{STANDBY} → {HOME}")
        expect(dialog.locator(".change").first).to_contain_text("→")
        go = dialog.get_by_role("button", name="Fail back")
        self.picture(page, "failback-plan-light")
        # The Region alone, or a reason alone, is not enough; nor is the wrong Region.
        typed = dialog.get_by_label(re.compile("Type the Region"))
        typed.fill(HOME)
        expect(go).to_be_disabled()
        dialog.get_by_label("Reason").fill("<b>Home</b>, after the drill")
        expect(go).to_be_enabled()
        typed.fill(STANDBY)
        expect(go).to_be_disabled()
        typed.fill(HOME)
        go.click()
        expect(dialog).to_have_count(0)
        expect(page.locator(".headline .badge")).to_have_text("Executing")
        # As it was written, not as markup.
        expect(page.locator(".run")).to_contain_text("<b>Home</b>, after the drill")
        expect(page.locator(".run").get_by_text("asked for by olga")).to_be_visible()
        expect(page.locator(".headline .badge")).to_have_text("Cool-down")
        expect(page.locator(".answer").first).to_contain_text(f"Active Region: {HOME}, its home.")

    def history(self, page, viewer):
        for seen in (page, viewer):
            rows = seen.locator(".history tbody tr")
            expect(rows).to_have_count(2)
            expect(rows.nth(0)).to_contain_text("failback")
            expect(rows.nth(0)).to_contain_text("olga")
            expect(rows.nth(1)).to_contain_text("failover")
            expect(rows.nth(1)).to_contain_text("quorum")
            expect(rows.locator(".badge.good")).to_have_count(2)
        self.picture(page, "history-light")

    def ask_somebody(self):
        """From now on the runbook waits for a word before it moves anything."""
        # The page sees every member go and come back.
        self.expected.append("ERR_|Failed to load resource")
        members = [member["id"] for member in self.stage.told["members"]]
        for member in members:
            self.stage.order(f"kill {member}")
        own = pathlib.Path(self.stage.told["dir"]) / "runbooks" / "own.toml"
        text = own.read_text()
        asks = '[[step]]\nid = "sign-off"\nuses = "approval"\nwith = { message = "Is it really lost?" }\n\n'
        first = '[[step]]\nid = "grow-standby"\n'
        self.assertIn(first, text)
        text = text.replace(first, f'{asks}{first}needs = ["sign-off"]\n')
        self.assertIn('needs = ["fence-old"]', text)
        text = text.replace('needs = ["fence-old"]', 'needs = ["fence-old", "sign-off"]')
        own.write_text(text)
        for member in members:
            self.stage.order(f"start {member}")

    def what_would_start(self, page, kind):
        """The dialog of a run that nothing stands against: for as long as it takes until what was found while
        the Region was lost, or while the members were not there, is looked at again."""
        until = time.monotonic() + 3 * PATIENCE_MS / 1000
        while True:
            dialog = act(page, kind)
            expect(dialog.locator(".plan-steps, .problem").first).to_be_visible()
            against = dialog.locator(".problem").all_inner_texts()
            if not against:
                return dialog
            self.assertLess(time.monotonic(), until, against)
            page.keyboard.press("Escape")
            expect(dialog).to_have_count(0)

    def failover_by_hand(self, page):
        expect(page.locator(".pulse")).to_have_text("live")
        # The members that were started again have elected somebody.
        expect(page.get_by_text(re.compile(r"leads, term \d+"))).to_be_visible()
        expect(page.locator(".votes .vote.good")).to_have_count(6)
        dialog = act(page, "ack")
        dialog.get_by_role("button", name="Acknowledge").click()
        expect(dialog).to_have_count(0)
        expect(page.locator(".headline .badge")).to_have_text("Steady")
        dialog = self.what_would_start(page, "failover")
        dialog.get_by_label("Reason").fill("a person knows better")
        dialog.get_by_label(re.compile("Type the Region")).fill(STANDBY)
        go = dialog.get_by_role("button", name="Fail over")
        expect(go).to_be_enabled()
        self.picture(page, "failover-plan-light")
        go.click()
        expect(dialog).to_have_count(0)
        step = page.locator(".run .step[data-status=awaiting_approval]")
        expect(step).to_contain_text("sign-off")
        expect(page.locator(".headline .first").last).to_contain_text("A decision is needed")
        self.picture(page, "approval-light")
        dialog = act(page, "pause-run")
        dialog.get_by_label("Reason").fill("One moment.")
        dialog.get_by_role("button", name="Pause run").click()
        expect(dialog).to_have_count(0)
        expect(page.locator(".run .note.ask")).to_contain_text("Paused by olga: One moment.")
        dialog = act(page, "resume-run")
        dialog.get_by_role("button", name="Resume run").click()
        expect(dialog).to_have_count(0)
        expect(page.locator(".run .note.ask")).to_have_count(0)
        dialog = act(page, "approve")
        expect(dialog).to_contain_text("Is it really lost?")
        dialog.get_by_role("button", name="Approve").click()
        expect(dialog).to_have_count(0)
        expect(step).to_have_count(0)
        expect(page.locator(".headline .badge")).to_have_text("Cool-down")
        expect(page.locator(".answer").first).to_contain_text(f"Active Region: {STANDBY}")
        self.picture(page, "by-hand-light")


if __name__ == "__main__":
    unittest.main()
