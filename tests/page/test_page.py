"""The page on other days: no token or a wrong one, a daemon that is gone, other screens, hostile names,
and acts that are refused."""

import json
import re
import unittest

from playwright.sync_api import expect

from support import HOME, PageCase, Stage, Tokens, act

# What somebody may call things, to do harm or by mistake.
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</p><script>alert(1)</script>",
    "\u202egnp.exe",
    "ünïcödé 日本語 العربية",
    "a" * 200,
    'quote " and \' and \\ and &amp;',
    "../../etc?x=1#y%2f",
]
LONG = "A reason that somebody typed at three in the morning, without a pause. " * 30 + HOSTILE[0]


class Page(PageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = Tokens(ada="admin", olga="operator", vera="viewer")
        cls.addClassCleanup(cls.tokens.close)
        cls.stage = Stage("--ready", "steady", extra=cls.tokens.config)
        cls.addClassCleanup(cls.stage.close)

    def look(self, token="olga", member="frankfurt", **looks):
        page = self.page(self.stage.url(member), getattr(self.tokens, token), **looks)
        expect(page.locator(".headline .badge")).to_have_text("Steady")
        return page

    def test_a_token_is_asked_for_and_a_wrong_one_refused_with_the_remedy(self):
        self.expected.append("status of 401")
        page = self.page(self.stage.url("frankfurt"))
        field = page.get_by_label("Token")
        expect(field).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator(".headline")).to_have_count(0)
        field.fill("fod_" + "wrong0123456789abcdefWRONG" * 2)
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_role("alert").locator(".remedy")).to_contain_text("failoverctl")
        field.fill(self.tokens.vera)
        field.press("Enter")
        expect(page.locator(".headline h1")).to_have_text("shop")
        expect(page.locator(".who")).to_contain_text("vera")
        expect(page.locator("[data-act]")).to_have_count(0)
        kept = page.evaluate("JSON.stringify([{...localStorage}, document.cookie, location.href])")
        self.assertNotIn(self.tokens.vera, kept)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        self.assertIsNone(page.evaluate("sessionStorage.getItem('failoverd.token')"))

    def test_a_daemon_that_is_gone_is_said_to_be_and_found_again(self):
        self.expected.append("Failed to load resource|ERR_")
        page = self.look(member="stockholm")
        expect(page.locator(".headline [data-act]").first).to_be_visible()
        self.stage.order("kill stockholm")
        expect(page.locator(".staleness")).to_contain_text(re.compile(r"Stale for \d+"))
        expect(page.locator(".staleness")).to_contain_text("does not answer")
        expect(page.locator(".pulse")).to_have_text("no answer")
        # Nothing is offered that would act on what may no longer be true.
        expect(page.locator("[data-act]")).to_have_count(0)
        self.picture(page, "stale-light")
        self.stage.order("start stockholm")
        expect(page.locator(".staleness")).to_have_count(0)
        expect(page.locator(".pulse")).to_have_text("live")
        expect(page.locator(".headline .badge")).to_have_text("Steady")

    def test_automation_is_paused_and_resumed_with_a_reason_and_an_end(self):
        page = self.look()
        dialog = act(page, "pause-automation")
        go = dialog.get_by_role("button", name="Pause")
        expect(go).to_be_disabled()
        dialog.get_by_label("Reason").fill(LONG[:400])
        dialog.get_by_label("For how long").select_option("4 hours")
        go.click()
        notice = page.locator(".notice.ask")
        expect(notice).to_contain_text("is paused")
        expect(notice).to_contain_text("by olga")
        expect(notice).to_contain_text(re.compile("for another (3 h 59|4 h 0)"))
        self.fits(page)
        dialog = act(page, "resume-automation")
        dialog.get_by_role("button", name="Resume").click()
        expect(notice).to_have_count(0)

    def test_a_refusal_is_shown_with_its_reason_and_remedy(self):
        self.expected.append("status of 4")
        page = self.look()
        # Somebody else was first: the same token, from another tab.
        other = self.look()
        dialogs = [act(seen, "pause-automation") for seen in (page, other)]
        for dialog in dialogs:
            dialog.get_by_label("Reason").fill("maintenance")
        expect(dialogs[0].get_by_role("button", name="Pause")).to_be_enabled()
        page.route("**/v1/automation/pause", lambda route: route.fulfill(
            status=409,
            content_type="application/problem+json",
            body=json.dumps({
                "title": "Conflict", "status": 409, "code": "run_open", "detail": HOSTILE[0],
                "remedy": "Wait for it.",
                "reasons": [{"code": "x", "text": HOSTILE[1], "remedy": "Look."}],
            }),
        ))
        dialogs[0].get_by_role("button", name="Pause").click()
        problem = dialogs[0].get_by_role("alert")
        for words in ("run_open", HOSTILE[0], HOSTILE[1], "Wait for it.", "Look."):
            expect(problem).to_contain_text(words)
        # What was typed is still there, and it can be asked again.
        expect(dialogs[0].get_by_label("Reason")).to_have_value("maintenance")
        expect(dialogs[0].get_by_role("button", name="Pause")).to_be_enabled()

    def test_the_same_wish_has_one_key_and_another_wish_another(self):
        self.expected.append("ERR_|Failed to load")
        page = self.look()
        keys = []

        def cut(route):
            keys.append(route.request.headers["idempotency-key"])
            route.abort()

        page.route("**/v1/automation/pause", cut)
        dialog = act(page, "pause-automation")
        reason, go = dialog.get_by_label("Reason"), dialog.get_by_role("button", name="Pause")
        for text in ("first", "first", "second"):
            reason.fill(text)
            go.click()
            expect(dialog.get_by_role("alert")).to_contain_text("is not known")
            expect(go).to_be_enabled()
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[1], keys[2])

    def test_a_phone_and_the_dark(self):
        for scheme in ("light", "dark"):
            looks = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
            page = self.look(**looks)
            expect(page.locator(".votes .vote.good")).to_have_count(6)
            expect(page.locator(".member")).to_have_count(3)
            self.fits(page)
            self.picture(page, f"phone-{scheme}")
            dialog = act(page, "switchover")
            expect(dialog.locator(".plan-steps")).to_be_visible()
            self.fits(page)
            self.picture(page, f"phone-plan-{scheme}")
            page.keyboard.press("Escape")
            expect(dialog).to_have_count(0)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            page.get_by_role("button", name=re.compile("Use (light|dark) colours")).click()
            turned = page.evaluate("getComputedStyle(document.body).backgroundColor")
            self.assertNotEqual(ground, turned)

    def test_forty_applications_with_hostile_names_and_a_long_reason(self):
        for width in (1280, 390):
            page = self.page("about:blank", viewport={"width": width, "height": 844})
            page.route("**/v1/events", lambda route: route.fulfill(status=404))
            page.route("**/v1/status", self.many)
            self.expected.append("status of 404")
            page.add_init_script(
                f"sessionStorage.setItem('failoverd.token', {json.dumps(self.tokens.olga)})"
            )
            page.goto(self.stage.url("frankfurt"))
            expect(page.locator(".entry")).to_have_count(40)
            # The one that needs somebody comes first and is what is shown.
            expect(page.locator(".headline .badge")).to_have_text("Needs you")
            expect(page.locator(".headline h1")).to_have_text(HOSTILE[0])
            expect(page.locator(".headline")).to_contain_text(LONG.strip())
            for name in HOSTILE:
                expect(page.locator(".entry-name").filter(has_text=name)).not_to_have_count(0)
            self.fits(page)
            self.picture(page, f"many-{width}")
            if width < 900:
                page.locator(".list summary").click()
            page.get_by_label("Find an application").fill("application-7")
            expect(page.locator(".entry")).to_have_count(1)
            page.locator(".entry").click()
            expect(page.locator(".headline h1")).to_have_text("application-7")
            # Drawn anew, what was typed is still there.
            expect(page.get_by_label("Find an application")).to_have_value("application-7")

    def many(self, route):
        answer = route.fetch()
        status = answer.json()
        first = status["applications"][0]
        names = HOSTILE + [f"application-{index}" for index in range(40 - len(HOSTILE))]
        status["applications"] = [{**first, "name": name} for name in names]
        status["applications"][0] |= {
            "phase": "needs_operator",
            "summary": LONG,
            "reasons": [{"code": "x", "text": LONG, "remedy": LONG}],
        }
        status["warnings"] = [{"code": "x_y", "text": LONG, "remedy": HOSTILE[1]}]
        route.fulfill(response=answer, json=status)

    def test_everything_can_be_reached_and_read_without_a_mouse(self):
        page = self.look()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to what stands now")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator(".headline [data-act]").first).to_be_focused()
        # Drawn anew every second, the focus stays.
        focused = page.evaluate("document.activeElement.dataset.act")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        self.assertEqual(page.evaluate("document.activeElement.dataset.act"), focused)
        expect(page.get_by_role("region", name="Votes", exact=True)).to_be_visible()
        expect(page.get_by_role("rowheader", name=re.compile(HOME))).to_be_visible()
        expect(page.locator("#said")).to_contain_text("shop: steady")
        # No control without a name, no colour without a word.
        nameless = page.locator("button:not([aria-label])").filter(has_not_text=re.compile(r"\w"))
        expect(nameless).to_have_count(0)
        wordless = page.locator(".badge, .vote").filter(has_not_text=re.compile(r"\w"))
        expect(wordless).to_have_count(0)


if __name__ == "__main__":
    unittest.main()
