#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_generated.py - what the program prints for others to read: man pages, completion; and what `cmake --install` puts where.
#   test_generated.py PENSTOCK BUILD_DIRECTORY [TEST...]
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import case_lacks   # noqa: E402

PENSTOCK, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
del sys.argv[1:3]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, timeout=60, text=True, **more)


def printed(*words):
    got = run(PENSTOCK, *words)
    assert got.returncode == 0 and got.stderr == "" and got.stdout, (words, got)
    return got.stdout


def commands():
    return re.findall(r"^  (\S+) +\S", printed("--help"), re.M)


def options(command):
    """Every -x and --xyz that begins a line of the command's help."""
    found = []
    for line in printed(command, "--help").splitlines():
        label = re.match(r"  (-\S(?:, --[\w-]+)?|--[\w-]+)(?: |$)", line)
        found += label.group(1).split(", ") if label else []
    return found


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="penstock-generated-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def need(self, *programs):
        for program in programs:
            if shutil.which(program):
                return program
        case_lacks(self, "needs " + " or ".join(programs))


class Man(Case):
    def shown(self, section):
        self.need("man")
        path = self.write(f"page.{section}", printed("man", section))
        got = run("man", "-l", path, env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8"})
        self.assertEqual((got.returncode, got.stderr), (0, ""))
        return re.sub(r".\x08", "", got.stdout)

    def test_no_mistakes_for_mandoc(self):
        self.need("mandoc")
        for section in ("1", "5"):
            got = run("mandoc", "-T", "lint", "-W", "warning", self.write(f"page.{section}", printed("man", section)))
            wrong = [line for line in got.stdout.splitlines() if "missing date" not in line]  # it has a version instead
            self.assertEqual(wrong, [])

    def test_no_warnings_of_groff(self):
        self.need("man")
        for section in ("1", "5"):
            path = self.write(f"page.{section}", printed("man", section))
            got = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path, env={**os.environ, "MANWIDTH": "80"})
            self.assertEqual((got.returncode, got.stderr), (0, ""))

    def test_every_command_and_option_is_explained(self):
        page = self.shown(1)
        self.assertGreater(len(commands()), 8)
        for command in commands():
            self.assertRegex(page, rf"(?m)^   {command}$")
            for option in options(command):
                self.assertRegex(page, rf"(?m)^ +(-\w, )?{option}\b", command)

    def test_every_setting_is_explained(self):
        page = self.shown(5)
        names = re.findall(r"^### `(.*)`$", printed("check-config", "--print-reference"), re.M)
        self.assertGreater(len(names), 30)
        for name in names:
            self.assertRegex(page, rf"(?m)^ +{re.escape(name)}$")
        self.assertNotRegex(page, r"[`]|\*\*")


class Bash(Case):
    def complete(self, *words):
        """What bash offers for the last of the words."""
        self.need("bash")
        script = self.write("completion.bash", printed("completion", "bash"))
        quoted = " ".join("'" + w + "'" for w in ("penstock", *words))
        got = run("bash", "--norc", "-c", f'set -u; source "$1"; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; '
                  'complete -p penstock >/dev/null || exit 3; _penstock || exit 4; printf "%s\\n" "${COMPREPLY[@]}"', "bash", script,
                  cwd=self.dir)
        self.assertEqual((got.returncode, got.stderr), (0, ""), words)
        return [word for word in got.stdout.split("\n") if word]

    def test_commands(self):
        self.assertEqual(self.complete(""), ["--help", "--version", *commands()])
        self.assertEqual(self.complete("pro"), ["produce"])
        self.assertEqual(self.complete("nothing", ""), [])

    def test_options_are_those_of_the_help(self):
        for command in commands():
            with_names = [o for o in options(command) if o.startswith("--")]
            lone = [m for m in re.findall(r"(?m)^  (-\w)(?: |$)", printed(command, "--help"))]
            self.assertEqual(sorted(self.complete(command, "-")), sorted(["--help", *with_names, *lone]), command)

    def test_words_and_values(self):
        self.write("some.yaml", "")
        os.mkdir(os.path.join(self.dir, "somewhere"))
        self.assertEqual(self.complete("spool", ""), ["verify", "ls", "peek", "export"])
        self.assertEqual(self.complete("spool", "ls", "some"), ["somewhere"])
        self.assertEqual(self.complete("run", "--config", "some.y"), ["some.yaml"])
        self.assertEqual(self.complete("run", "--spool", "some"), ["somewhere"])
        self.assertEqual(self.complete("run", "--log-level", "w"), ["warn"])
        self.assertEqual(self.complete("produce", "-t", ""), [])
        self.assertEqual(self.complete("completion", ""), ["bash", "zsh"])
        self.assertEqual(sorted(self.complete("check-config", "some")), ["some.yaml", "somewhere"])

    def test_shellcheck(self):
        self.need("shellcheck")
        got = run("shellcheck", self.write("completion.bash", printed("completion", "bash")))
        self.assertEqual(got.stdout, "")


class Zsh(Case):
    def setUp(self):
        super().setUp()
        self.need("zsh")
        self.script = self.write("_penstock", printed("completion", "zsh"))

    def test_it_is_zsh(self):
        got = run("zsh", "-n", self.script)
        self.assertEqual((got.returncode, got.stderr), (0, ""))

    def type(self, text, expected):
        """Types into a real zsh until its screen shows what is expected."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "PS1": "> "})
        screen = ""
        try:
            os.write(fd, f"fpath=({self.dir} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste; "
                         f"LISTMAX=999; echo re\"\"ady\n".encode())
            end, typed = time.monotonic() + 40, False
            while time.monotonic() < end and expected not in screen:
                if select.select([fd], [], [], 0.1)[0]:
                    screen += os.read(fd, 65536).decode(errors="replace")
                if not typed and "ready" in screen:
                    typed, screen = True, ""
                    os.write(fd, text.encode())
            return screen
        finally:
            os.close(fd)
            os.kill(pid, 9)
            os.waitpid(pid, 0)

    def test_a_real_shell_completes(self):
        for text, expected in (("penstock quar\t", "penstock quarantine"), ("penstock produce --tim\t", "--timeout"),
                               ("penstock spool ex\t", "spool export"), ("penstock run --log-level w\t", "level warn"),
                               ("penstock run --mock-kafka --spo\t", "--spool"), ("penstock completion b\t", "completion bash")):
            screen = self.type(text, expected)
            self.assertIn(expected, screen, text)
            self.assertNotIn("_arguments:", screen)


# Debian's places (prefix /usr).
INSTALLED = {
    "etc/penstock/penstock.yaml": 0o644,
    "usr/bin/penstock": 0o755,
    "usr/lib/systemd/system/penstock.service": 0o644,
    "usr/lib/sysusers.d/penstock.conf": 0o644,
    "usr/share/bash-completion/completions/penstock": 0o644,
    "usr/share/doc/penstock/examples/penstock.example.yaml": 0o644,
    "usr/share/man/man1/penstock.1": 0o644,
    "usr/share/man/man5/penstock.yaml.5": 0o644,
    "usr/share/zsh/vendor-completions/_penstock": 0o644,
}


class Install(Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(BUILD, "CMakeCache.txt")) as f:
            if "CMAKE_INSTALL_PREFIX:PATH=/usr\n" not in f.read().replace("PREFIX:UNINITIALIZED", "PREFIX:PATH").replace("PREFIX:STRING", "PREFIX:PATH"):
                self.skipTest("this build's prefix isn't /usr (the preset dev has it)")

    def install(self):
        got = run("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": self.dir})
        self.assertEqual(got.returncode, 0, got.stderr)

    def read(self, path):
        with open(os.path.join(self.dir, path)) as f:
            return f.read()

    def test_everything_is_where_debian_expects_it(self):
        self.install()
        found = {}
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.dir)] = os.stat(path).st_mode & 0o777
        self.assertEqual(found, INSTALLED)
        self.assertEqual(self.read("usr/share/man/man1/penstock.1"), printed("man", "1"))
        self.assertEqual(self.read("usr/share/man/man5/penstock.yaml.5"), printed("man", "5"))
        self.assertEqual(self.read("usr/share/bash-completion/completions/penstock"), printed("completion", "bash"))
        self.assertEqual(self.read("usr/share/zsh/vendor-completions/_penstock"), printed("completion", "zsh"))
        self.assertRegex(self.read("usr/lib/systemd/system/penstock.service"),
                         r"(?m)^ExecStart=/usr/bin/penstock run --config /etc/penstock/penstock.yaml$")
        self.assertNotIn("@", re.sub("@(system-service|privileged|resources)", "", self.read("usr/lib/systemd/system/penstock.service")))
        for config in ("etc/penstock/penstock.yaml", "usr/share/doc/penstock/examples/penstock.example.yaml"):
            self.assertEqual(run(os.path.join(self.dir, "usr/bin/penstock"), "check-config", os.path.join(self.dir, config)).returncode, 0)

    def test_settings_that_are_there_stay(self):
        os.makedirs(os.path.join(self.dir, "etc/penstock"))
        self.write("etc/penstock/penstock.yaml", "mine\n")
        self.install()
        self.assertEqual(self.read("etc/penstock/penstock.yaml"), "mine\n")

    def test_the_unit_and_the_example_name_the_same_paths(self):
        with open(os.path.join(SOURCE, "host/penstock.yaml")) as f:
            config = f.read()
        with open(os.path.join(SOURCE, "host/penstock.service.in")) as f:
            unit = f.read()
        self.assertIn("path: /var/lib/penstock\n", config)
        self.assertRegex(unit, r"(?m)^StateDirectory=penstock$")
        self.assertRegex(unit, r"(?m)^RequiresMountsFor=/var/lib/penstock$")
        self.assertIn("unix:/run/penstock/http.sock", config)
        self.assertRegex(unit, r"(?m)^RuntimeDirectory=penstock$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
