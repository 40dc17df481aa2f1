#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_service.py - the real program under a service manager: notifications, watchdog, journal; and its systemd unit.
#   test_service.py PENSTOCK BUILD_DIRECTORY [TEST...]
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import case_lacks   # noqa: E402

PENSTOCK, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
del sys.argv[1:3]
DEADLINE_S = 40


class Case(unittest.TestCase):
    """A test is the manager: it has the socket, and starts the program as its child."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="penstock-service-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(os.path.join(self.dir, "notify"))
        self.heard = []   # (time, line)

    def need(self, *programs):
        for program in programs:
            if not shutil.which(program):
                case_lacks(self, "needs " + program)

    def start(self, *options, before=(), watchdog_ms=2000, **environment):
        self.log_path = os.path.join(self.dir, "log")
        log = open(self.log_path, "wb")
        names = {"NOTIFY_SOCKET": os.path.join(self.dir, "notify"), "WATCHDOG_USEC": str(watchdog_ms * 1000)}
        stream = environment.pop("journal", None)
        if stream:
            there = os.fstat(log.fileno())
            names["JOURNAL_STREAM"] = f"{there.st_dev}:{there.st_ino + (stream == 'other')}"
        self.program = subprocess.Popen([*before, PENSTOCK, "run", *(options or ("--mock-kafka", "--spool", os.path.join(self.dir, "spool"))),
                                         "--listen", f"unix:{self.dir}/http"], stdout=log, stderr=log, env={**os.environ, **names})
        log.close()
        self.addCleanup(self.end)
        return self.program

    def end(self):
        if self.program.poll() is None:
            self.program.kill()
            self.program.wait()

    def hear(self, seconds):
        """What is said in the next seconds at most: one datagram's lines."""
        self.socket.settimeout(max(seconds, 0.01))
        try:
            lines = self.socket.recv(4096).decode().strip("\n").split("\n")
        except TimeoutError:
            return []
        self.heard += [(time.monotonic(), line) for line in lines]
        return lines

    def wait_for(self, pattern, seconds=DEADLINE_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.hear(end - time.monotonic()):
                if re.search(pattern, line):
                    return line
        self.fail(f"never said {pattern!r}: {self.heard}\n{self.log()}")

    def listen(self, seconds):
        begin = len(self.heard)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.hear(end - time.monotonic())
        return self.heard[begin:]

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def status(self):
        return subprocess.run([PENSTOCK, "status", "--unix", f"{self.dir}/http"], capture_output=True, timeout=30).returncode

    def produce(self, count, **more):
        return subprocess.run([PENSTOCK, "produce", "-q", "--unix", f"{self.dir}/http", "-t", "t"], input=b"x\n" * count, timeout=60, **more)


class Notifications(Case):
    def test_ready_means_that_it_answers(self):
        self.start()
        self.wait_for("^READY=1$")
        self.assertEqual(self.status(), 0)
        self.assertRegex(self.heard[1][1], "^STATUS=")   # in the same datagram
        self.wait_for(r"^STATUS=accepting; 0 pending; Kafka connected$")

    def test_signs_of_life_come_in_time_and_end_with_the_main_loop(self):
        self.start(watchdog_ms=2000)
        self.wait_for("^READY=1$")
        signs = [when for when, line in self.listen(4) if line == "WATCHDOG=1"]
        self.assertGreater(len(signs), 4)
        self.assertLess(max(b - a for a, b in zip(signs, signs[1:])), 2)
        self.program.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        self.listen(0.1)
        self.assertEqual(self.listen(2), [])
        self.program.send_signal(signal.SIGCONT)
        self.wait_for("^WATCHDOG=1$")

    def test_without_a_watchdog_there_is_a_status_and_no_sign_of_life(self):
        self.start(watchdog_ms=0)
        self.wait_for("Kafka connected")
        self.assertNotIn("WATCHDOG=1", [line for _, line in self.listen(3)])

    def test_stopping_is_said_first(self):
        self.start()
        self.wait_for("Kafka connected")
        self.program.send_signal(signal.SIGTERM)
        self.wait_for("^STOPPING=1$")
        self.assertEqual(self.program.wait(DEADLINE_S), 0)

    def test_a_reload_is_said_and_over(self):
        config = os.path.join(self.dir, "c.yaml")
        with open(config, "w") as f:
            f.write(f"spool: {{path: {self.dir}/spool, create: true}}\nkafka: {{bootstrap.servers: '127.0.0.1:1'}}\n")
        self.start("--config", config)
        self.wait_for("^STATUS=accepting")
        self.program.send_signal(signal.SIGHUP)
        self.wait_for("^RELOADING=1$")
        self.assertRegex(self.heard[-1][1], r"^MONOTONIC_USEC=\d+$")
        self.assertLess(abs(int(self.heard[-1][1].split("=")[1]) - time.monotonic() * 1e6), 5e6)
        self.wait_for("^READY=1$")
        self.assertIsNone(self.program.poll())

    def test_a_spool_that_is_not_there_is_no_reason_to_be_restarted(self):
        config = os.path.join(self.dir, "c.yaml")
        with open(config, "w") as f:
            f.write(f"spool: {{path: {self.dir}/spool}}\nkafka: {{bootstrap.servers: '127.0.0.1:1'}}\n")
        self.start("--config", config)
        self.wait_for("^READY=1$")
        self.wait_for("^STATUS=refusing: .*spool")
        self.assertGreater([line for _, line in self.listen(4)].count("WATCHDOG=1"), 4)
        subprocess.run([PENSTOCK, "init", "--config", config], check=True, capture_output=True, timeout=60)
        self.wait_for("^STATUS=accepting; 0 pending; Kafka away$")
        self.produce(3, check=True)
        self.wait_for("^STATUS=accepting; 3 pending; Kafka away$")

    def test_a_sync_that_hangs_is_refusing_and_alive(self):
        self.need("strace")
        config = os.path.join(self.dir, "c.yaml")
        with open(config, "w") as f:
            f.write(f"spool: {{path: {self.dir}/spool, commit_timeout: 500ms}}\nkafka: {{bootstrap.servers: '127.0.0.1:1'}}\n")
        subprocess.run([PENSTOCK, "init", "--config", config], check=True, capture_output=True, timeout=60)
        self.start("--config", config)
        self.wait_for("^STATUS=accepting")
        disk = subprocess.Popen(["strace", "-f", "-p", str(self.program.pid), "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                                 "inject=fdatasync:delay_enter=12000000"], stderr=subprocess.PIPE)   # each sync takes 12 s
        self.addCleanup(lambda: (disk.kill(), disk.wait(), disk.stderr.close()))
        self.assertIn(b"attached", disk.stderr.readline())
        sender = subprocess.Popen([PENSTOCK, "produce", "-q", "--unix", f"{self.dir}/http", "-t", "t"], stdin=subprocess.PIPE)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        sender.stdin.write(b"x\n")
        sender.stdin.close()
        self.wait_for("^STATUS=refusing: the disk has not answered")
        signs = [when for when, line in self.listen(5) if line == "WATCHDOG=1"]
        self.assertGreater(len(signs), 4)
        self.assertNotIn("committer_stuck", self.log())


class Journal(Case):
    def lines(self, **more):
        self.start(**more)
        self.wait_for("^READY=1$")
        self.program.send_signal(signal.SIGTERM)
        self.program.wait(DEADLINE_S)
        found = [line for line in self.log().splitlines() if "event=" in line]
        self.assertGreater(len(found), 3)
        return found

    def test_lines_for_the_journal_begin_with_their_priority(self):
        for line in self.lines(journal="this"):
            self.assertRegex(line, r"^(<7>time=\S+ level=debug|<6>time=\S+ level=info|<4>time=\S+ level=warn|<3>time=\S+ level=error) ")

    def test_elsewhere_they_do_not(self):
        for line in self.lines(journal="other"):
            self.assertRegex(line, r"^time=")


class Unit(Case):
    def unit(self):
        path = os.path.join(self.dir, "penstock.service")
        with open(os.path.join(BUILD, "pages/penstock.service")) as f:
            text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=" + PENSTOCK, f.read())
        with open(path, "w") as f:
            f.write(text)
        return path

    def settings(self, name):
        with open(self.unit()) as f:
            return re.findall(rf"(?m)^{name}=(.*)$", f.read())

    def analyze(self, *words):
        self.need("systemd-analyze")
        return subprocess.run(["systemd-analyze", *words], capture_output=True, timeout=60, text=True,
                              env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "COLUMNS": "200", "LC_ALL": "C.UTF-8"})

    def test_systemd_understands_every_line(self):
        got = self.analyze("verify", "--man=no", self.unit())
        wrong = [line for line in got.stderr.splitlines() if "penstock" in line]
        self.assertEqual(wrong, [], got.stderr)

    def test_exposure_is_at_most_two(self):
        got = self.analyze("security", "--offline=true", "--no-pager", self.unit())
        if "nknown option" in got.stderr or "unrecognized option" in got.stderr:
            self.skipTest("systemd before 250 can't do that offline")
        found = re.search(r"Overall exposure level for penstock.service: ([\d.]+)", got.stdout)
        self.assertIsNotNone(found, got.stdout + got.stderr)
        self.assertLessEqual(float(found.group(1)), 2.0, got.stdout)

    def calls_of(self, name):
        got = self.analyze("syscall-filter", name)
        self.assertEqual(got.returncode, 0, got.stderr)
        calls = set()
        for line in got.stdout.splitlines()[1:]:
            word = line.split("#")[0].strip()
            if word.startswith("@"):
                calls |= self.calls_of(word)
            elif word:
                calls.add(word)
        return calls

    def test_the_filter_lets_through_what_the_program_does(self):
        self.need("strace", "systemd-analyze")
        allowed = set()
        for row in self.settings("SystemCallFilter"):
            names = set().union(*(self.calls_of(name) if name.startswith("@") else {name} for name in row.lstrip("~").split()))
            allowed = allowed - names if row.startswith("~") else allowed | names
        self.assertGreater(len(allowed), 200)
        seen = os.path.join(self.dir, "calls")
        self.start(before=("strace", "-f", "-o", seen), watchdog_ms=20000)
        self.wait_for("^READY=1$")
        self.wait_for("Kafka connected")
        self.produce(1000, check=True)
        time.sleep(1.5)
        with open(f"/proc/{self.program.pid}/task/{self.program.pid}/children") as f:   # strace isn't to end, but what it watches
            os.kill(int(f.read().split()[0]), signal.SIGTERM)
        self.assertEqual(self.program.wait(DEADLINE_S), 0)
        with open(seen) as f:
            used = set(re.findall(r"(?m)^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", f.read()))
        self.assertGreater(len(used), 30)
        # Asked for, and as well without: the limit is the unit's LimitNOFILE, the start is execve by systemd itself.
        self.assertEqual(used - allowed - {"prlimit64", "setrlimit"}, set())

    def test_the_watchdogs_time_is_beyond_what_is_normal(self):
        self.assertEqual(self.settings("Type"), ["notify"])
        self.assertEqual(self.settings("Restart"), ["always"])
        self.assertEqual(self.settings("StartLimitIntervalSec"), ["0"])
        self.assertGreaterEqual(int(self.settings("WatchdogSec")[0]), 20)   # twice spool.commit_timeout

    def test_the_user_is_made(self):
        self.need("systemd-sysusers")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../host/penstock.sysusers")
        root = os.path.join(self.dir, "root")
        os.makedirs(root + "/etc")
        got = subprocess.run(["systemd-sysusers", f"--root={root}", source], capture_output=True, text=True, timeout=60)
        self.assertEqual(got.returncode, 0, got.stderr)
        with open(root + "/etc/passwd") as f:
            self.assertRegex(f.read(), r"(?m)^penstock:x:\d+:\d+:Penstock agent:/var/lib/penstock:\S*nologin$")
        self.assertEqual(self.settings("User"), ["penstock"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
