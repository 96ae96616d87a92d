"""The API as strangers use it: calls made up from its own document by schemathesis, and calls that no document
allows. Three real daemons over an emulated AWS take them with an admin's token, so nothing is spared.

    schemathesis ──▶ failoverd × 3 ──▶ sandbox
    raw requests ──▶
"""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "stage"))
from stage import HOME, ROOT, STANDBY, Stage, Tokens  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# Beside the interpreter that runs this: the same environment.
SCHEMATHESIS = pathlib.Path(sys.executable).with_name("schemathesis")

PROBLEM = "application/problem+json"

# Only what has gone wrong takes so long, in seconds.
PATIENCE = 20
WHOLE = 240


class Staged(unittest.TestCase):
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.tokens = Tokens(ada="admin")
        cls.addClassCleanup(cls.tokens.close)
        cls.stage = Stage(*cls.ARGUMENTS, extra=cls.tokens.config)
        cls.addClassCleanup(cls.stage.close)
        cls.url = cls.stage.url("frankfurt")

    def ask(self, method, path, body=None, headers=None, token=None):
        """One request as it is written here: nothing is quoted or put right."""
        given = {"Authorization": f"Bearer {token or self.tokens.ada}"}
        if body is not None:
            given["Content-Type"] = "application/json"
        given.update(headers or {})
        given = {name: value for name, value in given.items() if value is not None}
        connection = http.client.HTTPConnection(
            urllib.parse.urlsplit(self.url).netloc, timeout=PATIENCE
        )
        try:
            # What is no address would be refused before it is sent.
            connection._validate_path = lambda url: None
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def told(self, path):
        status, _, body = self.ask("GET", path)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def refused(self, answer, *about):
        """It is a problem document that a person can do something with."""
        status, headers, body = answer
        self.assertIn(status, range(400, 500), (about, body))
        self.assertEqual(headers["Content-Type"], PROBLEM, (about, body))
        problem = json.loads(body)
        self.assertEqual(problem["status"], status, about)
        for field in ("title", "code", "detail", "remedy"):
            self.assertTrue(problem[field].strip(), (about, field, problem))
        return problem

    def nobody_panicked(self):
        for member in self.stage.told["members"]:
            log = pathlib.Path(self.stage.order(f"log {member['id']}")["path"]).read_text()
            self.assertNotIn("panicked at", log, member["id"])


class MadeUp(Staged):
    # So slow that a run which is begun first is open for as long as it is steered.
    ARGUMENTS = ("--slow", "60")

    def setUp(self):
        said = {"kind": "switchover", "to": STANDBY, "reason": "so that there is one to be steered"}
        status, _, body = self.ask("POST", "/v1/applications/shop/runs", json.dumps(said).encode())
        self.assertEqual((status, json.loads(body).get("run")), (201, "shop-1"), body)

    def test_what_schemathesis_makes_up_is_answered_as_the_document_says(self):
        command = [
            SCHEMATHESIS,
            "--config-file",
            HERE / "schemathesis.toml",
            "run",
            f"{self.url}/v1/openapi.json",
            "--header",
            f"Authorization: Bearer {self.tokens.ada}",
            "--no-color",
        ]
        # Where its hooks are, and where it may leave things.
        ran = subprocess.run(
            command,
            cwd=self.stage.folder.name,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
                "FAILOVERCTL_TOKEN": self.tokens.ada,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WHOLE,
        )
        print(ran.stdout)
        self.assertEqual(ran.returncode, 0)
        self.nobody_panicked()


class Unheard(Staged):
    """Requests that no document allows: each is refused with a reason and a remedy, and nothing is done."""

    def setUp(self):
        document = self.told("/v1/openapi.json")
        self.posts = [path for path, item in document["paths"].items() if "post" in item]
        self.gets = [
            (path, item["get"]) for path, item in document["paths"].items() if "get" in item
        ]
        self.assertGreater(len(self.posts), 10)

    def tearDown(self):
        # Whatever was asked above, nobody has done anything, and nobody fell over it.
        self.assertEqual(self.told("/v1/audit")["items"], [])
        self.assertEqual(self.told("/v1/runs")["items"], [])
        self.nobody_panicked()

    def real(self, path):
        """A path that leads to what is there."""
        return path.format(application="shop", run="shop-1", drill="d", id="stockholm", act="add")

    def test_bodies(self):
        bodies = {
            "nothing": b"",
            "no JSON": b"{",
            "null": b"null",
            "a list": b"[]",
            "values without names": b'["x","ada"]',
            "a text": b'"x"',
            "a number": b"1e999",
            "not UTF-8": b'{"by":"\xff\xfe"}',
            "half a surrogate": b'{"by":"\\ud800","reason":"x"}',
            "an unknown key": b'{"by":"ada","reason":"x","surprise":1}',
            "a key twice": b'{"by":"ada","by":"bob","reason":"x"}',
            "too deep": b"[" * 15_000,
            "too long": b'{"by":"' + b"a" * 20_000 + b'"}',
            "something after it": b'{"by":"ada","reason":"x"} x',
            "a null byte": b'{"by":"a\x00"}',
            "of a wrong type": b'{"by":7,"reason":{},"kind":7,"step":[],"region":1,"for_ms":"x","mode":0}',
            "a negative length": b'{"by":"ada","reason":"x","kind":"failover","mode":"rehearse","region":"eu-west-1",'
            b'"step":"a","for_ms":-1,"parallel":-1,"max_duration_ms":-1,"allow_data_loss":3}',
            "more than there are numbers": b'{"by":"ada","reason":"x","for_ms":99999999999999999999999}',
        }
        for path in self.posts:
            for name, body in bodies.items():
                with self.subTest(path=path, body=name):
                    problem = self.refused(self.ask("POST", self.real(path), body), path, name)
                    if name == "too long" and problem["status"] != 404:
                        self.assertEqual(problem["status"], 413, problem)

    def test_kinds_of_content(self):
        body = b'{"by":"ada","reason":"x","kind":"failover","mode":"rehearse","region":"eu-west-1","step":"a"}'
        kinds = [
            None,
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/json, text/plain",
            "ünïcödé".encode().decode("latin-1"),
        ]
        for path in self.posts:
            for kind in kinds:
                with self.subTest(path=path, kind=kind):
                    answer = self.ask("POST", self.real(path), body, {"Content-Type": kind})
                    self.assertIn(self.refused(answer, path, kind)["status"], (404, 415))

    def test_names_in_the_path(self):
        names = [
            "ünïcödé",
            "日本語",
            "a" * 5_000,
            "..",
            "../../etc/passwd",
            "a/b",
            "%",
            "\u202egnp.exe",
            "<script>alert(1)</script>",
            "shop\n",
            "shop\x00",
            " ",
            "SHOP",
            "-1",
            "{application}",
        ]
        raw = ["%ff%fe", "%", "%zz", "%c0%ae", "shop%2f", "a;b", "a?b%00"]
        quoted = [urllib.parse.quote(name, safe="") for name in names] + raw
        for path, _ in self.gets:
            if "{" not in path:
                continue
            for name in quoted:
                at = path
                for what in ("application", "run", "drill", "id"):
                    at = at.replace("{" + what + "}", name)
                with self.subTest(path=path, name=name):
                    self.refused(self.ask("GET", at), at)

    def test_queries(self):
        queries = [
            "surprise=1",
            "limit=0",
            "limit=-1",
            "limit=501",
            "limit=1e3",
            "limit=99999999999999999999",
            "limit=",
            "limit=%ff",
            "limit=1&limit=2",
            "after=%00&surprise",
            "application=%F0%9F%92%A3",
            "application=" + "a" * 10_000,
            "status=%E2%80%AE",
            "drill=maybe",
            "%ff=1",
        ]
        for path, operation in self.gets:
            if "{" in path or not operation.get("parameters"):
                continue
            for query in queries:
                with self.subTest(path=path, query=query[:80]):
                    self.refused(self.ask("GET", f"{path}?{query}"), path, query[:80])

    def test_methods_and_places_that_are_not_there(self):
        for path in ["/v1", "/v1/", "/v1/nothing", "/v1//status", "/v1/status/", "/v2/status"]:
            with self.subTest(path=path):
                status, headers, body = self.ask("GET", path)
                self.assertEqual(status, 404)
                self.assertTrue(body.strip(), headers)
        for path in [*self.posts, *[path for path, _ in self.gets]]:
            for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
                with self.subTest(path=path, method=method):
                    status, headers, body = answer = self.ask(method, self.real(path))
                    self.refused(answer, path, method)
                    self.assertEqual(status, 405)
                    self.assertRegex(headers["Allow"] or "", "GET|POST")

    def test_tokens(self):
        body = b'{"by":"ada","reason":"x"}'
        wrong = [
            "",
            "Bearer",
            "Bearer ",
            "Basic YWRhOmFkYQ==",
            "Bearer fod_short",
            f"Bearer {self.tokens.ada}x",
            f"Bearer {self.tokens.ada} {self.tokens.ada}",
            self.tokens.ada,
            "Bearer " + "a" * 8_000,
            "Bearer ünïcödé".encode().decode("latin-1"),
        ]
        for header in [None, *wrong]:
            with self.subTest(header=header and header[:40]):
                given = {"Authorization": header}
                self.assertEqual(self.refused(self.ask("GET", "/v1/status", None, given))["status"], 401)
                answer = self.ask("POST", "/v1/applications/shop/ack", body, given)
                self.assertEqual(self.refused(answer)["status"], 401)

    def test_keys_of_idempotency(self):
        body = b'{"by":"ada","reason":"x"}'
        for key in ["", " ", "a b", "a" * 129, "ünïcödé".encode().decode("latin-1"), "a\tb"]:
            with self.subTest(key=key[:20]):
                answer = self.ask(
                    "POST", "/v1/applications/shop/ack", body, {"Idempotency-Key": key}
                )
                self.assertEqual(self.refused(answer)["code"], "bad_idempotency_key")

    def test_what_people_say_is_bounded_and_plain(self):
        for field, text in [
            ("reason", "a" * 1_001),
            ("reason", "\x07"),
            ("reason", " \n "),
        ]:
            said = {"reason": "x", "kind": "switchover", "to": STANDBY, "by": "ada", field: text}
            with self.subTest(field=field, text=text[:10]):
                answer = self.ask(
                    "POST", "/v1/applications/shop/runs", json.dumps(said).encode()
                )
                self.refused(answer, field)
        for region in ["", "eu-west-9", HOME.upper(), "\u202e", "a" * 3_000]:
            said = json.dumps({"kind": "failover", "to": region, "reason": "x"}).encode()
            with self.subTest(region=region[:10]):
                answer = self.ask("POST", "/v1/applications/shop/runs", said)
                self.assertEqual(self.refused(answer)["status"], 404)


if __name__ == "__main__":
    unittest.main()
