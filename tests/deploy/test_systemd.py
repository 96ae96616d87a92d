"""The unit: whole to systemd itself, hardened, and starting what there is."""

import configparser
import pathlib
import re
import shutil
import tempfile
import unittest

import support

UNIT = support.DEPLOY / "systemd" / "failoverd.service"

# Of ten, as `systemd-analyze security` counts: a daemon that speaks IP cannot have none.
EXPOSED_AT_MOST = 1.5


class Keys(configparser.RawConfigParser):
    """Keys may stand more than once, and keep their letters."""

    def __init__(self):
        super().__init__(strict=False, delimiters=["="])

    def optionxform(self, option):
        return option


class Unit(unittest.TestCase):
    def setUp(self):
        parsed = Keys()
        parsed.read_string(UNIT.read_text())
        self.service = parsed["Service"]

    def test_its_words_are_those_of_the_programs(self):
        for key in ("ExecStartPre", "ExecStart"):
            program, *words = self.service[key].split()
            path = support.PROGRAMS / pathlib.Path(program).name
            self.assertEqual(str(pathlib.Path(program).parent), "/usr/bin")
            verb = [word for word in words[:1] if not word.startswith("-")]
            told = support.run(path, *verb, "--help")
            for word in words:
                if word.startswith("--"):
                    self.assertIn(word, told)

    def test_it_may_write_where_the_configuration_says(self):
        config = (support.ROOT / "failoverd.toml").read_text()
        folder = re.search(r'(?m)^data_dir = "([^"]+)"', config).group(1)
        self.assertEqual(folder, f"/var/lib/{self.service['StateDirectory']}")
        self.assertEqual(self.service["ProtectSystem"], "strict")

    def test_its_user_is_made(self):
        made = (UNIT.parent / "sysusers.d" / "failoverd.conf").read_text()
        self.assertRegex(made, rf"(?m)^u {self.service['User']} ")

    @support.needs("systemd-analyze")
    def test_systemd_itself_has_nothing_to_say(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "usr/bin").mkdir(parents=True)
            for name in ("failoverd", "failoverctl"):
                # It looks whether there is something to execute, and executes nothing.
                shutil.copyfile("/bin/true", root / "usr/bin" / name)
                (root / "usr/bin" / name).chmod(0o755)
            unit = root / "failoverd.service"
            text = UNIT.read_text().replace("=/usr/bin/", f"={root}/usr/bin/")
            unit.write_text(text)
            support.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", unit)
            unit.write_text(text.replace("StateDirectory=", "StatDirectory="))
            support.run(
                "systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", unit, code=1
            )

    @support.needs("systemd-analyze")
    def test_systemd_finds_it_hardened(self):
        told = support.run(
            "systemd-analyze", "security", "--offline=yes", "--no-pager",
            f"--threshold={int(EXPOSED_AT_MOST * 10)}", UNIT,
        )  # fmt: skip
        self.assertIn("Overall exposure level", told)


if __name__ == "__main__":
    unittest.main()
