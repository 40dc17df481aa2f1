#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_cli.py - the real program from the outside, with the Kafka that it carries inside.
#   test_cli.py PENSTOCK [TEST...]
"""Starts `penstock` in temporary directories on free loopback ports. A test ends only what it started."""
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import case_lacks   # noqa: E402

PENSTOCK = os.path.abspath(sys.argv.pop(1))
DEADLINE_S = 30


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def run(*args, stdin=b"", timeout=60, env=None):
    return subprocess.run([PENSTOCK, *map(str, args)], input=stdin, capture_output=True, timeout=timeout,
                          env={**os.environ, **(env or {})})


class Agent:
    """A running agent; its stderr and stdout go to files."""

    def __init__(self, dir, *args, port=None, wait=True, before=(), program=PENSTOCK, **popen):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = os.path.join(dir, f"log-{time.monotonic_ns()}")
        self.log_file = open(self.log_path, "wb")
        self.out_path = self.log_path + ".out"
        self.out_file = open(self.out_path, "wb")
        self.process = subprocess.Popen([*before, program, "run", *map(str, args), "--listen", f"127.0.0.1:{self.port}"],
                                        stderr=self.log_file, stdout=self.out_file, **popen)
        if wait:
            wait_until(lambda: "event=started" in self.log() or self.process.poll() is not None, "the start")
            if self.process.poll() is not None:
                raise AssertionError("ended at once: " + self.log())

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def out(self):
        with open(self.out_path) as f:
            return f.read()

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def status(self):
        code, body = self.request("GET", "/status")
        assert code == 200, code
        return json.loads(body)

    def bootstrap(self):
        return wait_until(lambda: re.search(r"event=mock_kafka_started bootstrap=(\S+)", self.log()), "the mock").group(1)

    def produce(self, *args, stdin=b"", **more):
        return run("produce", "--url", self.url, *args, stdin=stdin, **more)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.close()

    def kill(self):
        self.stop(signal.SIGKILL)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log_file.close()
        self.out_file.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="penstock-cli-")
        self.spool = os.path.join(self.dir, "spool")
        self.agents = []

    def tearDown(self):
        for agent in self.agents:
            agent.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, *args, **more):
        agent = Agent(self.dir, *args, **more)
        self.agents.append(agent)
        return agent

    def start_mock(self, *args, **more):
        return self.start("--mock-kafka", "--spool", self.spool, *args, **more)

    def sender(self, *args, **more):
        """`penstock produce` with a pipe for its lines; ends with the test."""
        process = subprocess.Popen([PENSTOCK, "produce", *args], stdin=subprocess.PIPE, **more)

        def end():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self.addCleanup(end)
        return process

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def consume(self, agent, topic):
        """Values in the topic, by kcat; None without it."""
        if shutil.which("kcat") is None:
            return None
        got = subprocess.run(["kcat", "-b", agent.bootstrap(), "-C", "-t", topic, "-o", "beginning", "-e", "-q"],
                             capture_output=True, timeout=60, check=True)
        return got.stdout.decode().splitlines()


class Run(Case):
    def test_first_try_prints_lines_that_work(self):
        agent = self.start_mock()
        out = wait_until(lambda: "Ctrl-C" in agent.out() and agent.out(), "the first steps")
        curl = re.search(r"(curl -d .*)", out).group(1)
        answer = subprocess.run(curl + " -s", shell=True, capture_output=True, timeout=30)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        wait_until(lambda: agent.status()["delivered"] == 1, "the delivery")
        if shutil.which("kcat"):
            seen = subprocess.run(re.search(r"(kcat .*)", out).group(1) + " -q", shell=True, capture_output=True, timeout=60)
            self.assertEqual(seen.stdout, b"hello\n")
        look = subprocess.run(re.search(r"(curl \S+status.txt)", out).group(1) + " -s", shell=True, capture_output=True, timeout=30)
        self.assertRegex(look.stdout.decode(), r"demo +1 +1 +0")

    def test_term_stops_in_order_with_exit_0(self):
        agent = self.start_mock()
        agent.produce("-t", "t", stdin=b"a\nb\n")
        self.assertEqual(agent.stop(signal.SIGTERM), 0)
        self.assertIn('event=stopping signal=Terminated', agent.log())
        self.assertIn("event=stopped all_delivered=yes", agent.log())

    def test_int_stops_too(self):
        self.assertEqual(self.start_mock().stop(signal.SIGINT), 0)

    def test_term_does_not_wait_for_a_kafka_that_is_away(self):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true}}\n"
                                      f"kafka: {{bootstrap.servers: \"127.0.0.1:{free_port()}\"}}\n")
        agent = self.start("--config", config)
        self.assertEqual(agent.produce("-t", "t", stdin=b"a\n").returncode, 0)
        begun = time.monotonic()
        self.assertEqual(agent.stop(), 0)
        self.assertLess(time.monotonic() - begun, 4)
        self.assertIn("all_delivered=no", agent.log())

    def test_term_under_load_answers_clearly_and_loses_nothing(self):
        agent = self.start_mock()
        answers, unanswered, stopping = [], [], threading.Event()

        def send():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", agent.port, timeout=DEADLINE_S)) as connection:
                while not (stopping.is_set() and answers[-1][0] != 200):
                    try:
                        connection.request("POST", "/topics/t", b"x" * 200)
                        response = connection.getresponse()
                        answers.append((response.status, response.read()))
                    except OSError as error:  # the agent is gone
                        unanswered.append(error)
                        return

        senders = [threading.Thread(target=send) for _ in range(8)]
        for sender in senders:
            sender.start()
        wait_until(lambda: len(answers) > 200, "some answers")
        stopping.set()
        self.assertEqual(agent.stop(), 0)
        for sender in senders:
            sender.join()
        refused = [answer for answer in answers if answer[0] != 200]
        for status, body in refused:
            self.assertEqual(status, 503, body)
            self.assertEqual(json.loads(body)["error_code"], 50003, body)  # refused, not "unknown"
        agent = self.start_mock()
        status = wait_until(lambda: (s := agent.status()) and not s["counting"] and s, "the books")
        acknowledged = len(answers) - len(refused)
        self.assertGreaterEqual(status["accepted"], acknowledged)
        self.assertLessEqual(status["accepted"], acknowledged + len(unanswered))

    def test_term_answers_requests_that_wait_for_a_slow_disk(self):
        if shutil.which("strace") is None:
            case_lacks(self, "needs strace to slow the disk down")
        # -D: the program stays our child, strace looks on from aside. (LeakSanitizer doesn't work below it.)
        agent = self.start_mock(before=["strace", "-D", "-f", "-qq", "-o", os.path.join(self.dir, "trace"), "-e", "trace=fdatasync",
                                        "-e", "inject=fdatasync:delay_enter=700000"],
                                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        answers = []
        senders = [threading.Thread(target=lambda: answers.append(agent.request("POST", "/topics/t", b"x"))) for _ in range(6)]
        for sender in senders:
            sender.start()
            time.sleep(0.05)
        time.sleep(0.1)  # all are sent, the first sync hangs in the disk
        self.assertEqual(answers, [])
        self.assertEqual(agent.stop(), 0)
        for sender in senders:
            sender.join()
        self.assertEqual([status for status, _ in answers], [200] * 6)

    def test_second_start_on_the_same_spool_names_the_pid(self):
        agent = self.start_mock()
        second = run("run", "--mock-kafka", "--spool", self.spool, "--listen", f"127.0.0.1:{free_port()}")
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(agent.process.pid), second.stderr.decode())
        self.assertEqual(agent.produce("-t", "t", stdin=b"a\n").returncode, 0)

    def test_kill_and_restart_keeps_what_was_accepted(self):
        agent = self.start_mock()
        lines = "".join(f"{i}\n" for i in range(1000)).encode()
        for i in range(3):
            self.assertEqual(agent.produce("-t", "t", stdin=lines).returncode, 0)
            agent.kill()
            agent = self.start_mock()
        # The Kafka of each run is gone with it, so what each run counted as delivered differs; nothing is missing.
        status = wait_until(lambda: (s := agent.status()) and not s["counting"] and s["pending"] == 0 and s, "the drain")
        self.assertEqual(status["accepted"], 3000)
        self.assertEqual(status["accepted"], status["delivered"] + status["dead_lettered"] + status["lost"])
        self.assertEqual(status["lost"], 0)

    def test_listens_quickly_and_raises_the_descriptor_limit(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        agent = self.start_mock(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)))
        start_ms = float(re.search(r"start_ms=([0-9.]+)", agent.log()).group(1))
        self.assertLess(start_ms, 1000)
        with open(f"/proc/{agent.process.pid}/limits") as f:
            self.assertEqual(re.search(r"Max open files\s+(\S+)", f.read()).group(1), str(hard))

    def test_unix_socket_serves_too(self):
        path = os.path.join(self.dir, "s.sock")
        agent = self.start_mock("--listen", f"unix:{path}")
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        self.assertEqual(run("produce", "--unix", path, "-t", "t", stdin=b"x\n").returncode, 0)
        self.assertEqual(run("status", "--unix", path).returncode, 0)

    def test_port_in_use_is_a_clear_error(self):
        agent = self.start_mock()
        second = run("run", "--mock-kafka", "--spool", self.spool + "2", "--listen", f"127.0.0.1:{agent.port}")
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(agent.port), second.stderr.decode())


class SpoolNotThere(Case):
    """The agent listens, says why, and goes on by itself once the spool is there. (Mounts: tests/e2e/test_mount_guard.py)"""

    def waits(self, agent, *reasons):
        """Refuses with the reason everywhere, in one line of the log."""
        wait_until(lambda: "event=spool_missing" in agent.log() or agent.process.poll() is not None, "the log")
        ready, body = agent.request("GET", "/readyz")
        self.assertEqual(ready, 503)
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        connection.request("POST", "/topics/t", b"x")
        answer = connection.getresponse()
        refusal = json.loads(answer.read())
        self.assertEqual((answer.status, refusal["error_code"]), (503, 50003), refusal)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertEqual(agent.request("GET", "/healthz")[0], 200)
        status = agent.status()
        self.assertFalse(status["ready"])
        for reason in reasons:
            for text in (json.loads(body)["reason"], refusal["message"], status["reason"], agent.log()):
                self.assertIn(reason, text)
        self.assertIn(reasons[0], agent.request("GET", "/status.txt")[1].decode())
        self.assertIn("\npenstock_spool_missing 1", agent.request("GET", "/metrics")[1].decode())
        time.sleep(0.7)  # several tries
        self.assertEqual(agent.log().count("event=spool_missing"), 1, agent.log())
        self.assertIsNone(agent.process.poll())

    def goes_on(self, agent):
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 200, "the spool")
        self.assertEqual(agent.request("POST", "/topics/t", b"x")[0], 200)
        wait_until(lambda: agent.status()["accepted"] == 1, "the books")
        self.assertIn("\npenstock_spool_missing 0", agent.request("GET", "/metrics")[1].decode())
        self.assertRegex(agent.log(), r"event=spool_there spool_id=\S+ missed_ms=\d+")
        self.assertEqual(agent.stop(), 0)

    def start_real(self, *settings):
        lines = "".join(f"  {setting}\n" for setting in settings)
        config = self.write("c.yaml", f"spool:\n  path: {self.spool}\n{lines}kafka: {{bootstrap.servers: \"127.0.0.1:1\"}}\n")
        return self.start("--config", config, wait=False)

    def test_spool_that_is_a_file(self):
        path = self.write("file", "x")
        agent = self.start("--mock-kafka", "--spool", path, wait=False)
        self.waits(agent, path, "Not a directory")
        os.unlink(path)
        self.goes_on(agent)

    def test_spool_below_a_file(self):
        path = self.write("file", "x")
        agent = self.start("--mock-kafka", "--spool", os.path.join(path, "spool"), wait=False)
        self.waits(agent, path, "Not a directory")
        os.unlink(path)
        os.mkdir(path)
        self.goes_on(agent)

    def test_missing_directory_is_not_made_and_init_ends_the_wait(self):
        agent = self.start_real()
        self.waits(agent, self.spool, "No such file or directory")
        self.assertFalse(os.path.exists(self.spool))
        self.assertEqual(run("init", "--spool", self.spool).returncode, 0)
        self.goes_on(agent)

    def test_directory_without_identity_stays_empty(self):
        os.mkdir(self.spool)
        agent = self.start_real()
        self.waits(agent, self.spool, "no file PENSTOCK", "penstock init")
        self.assertEqual(os.listdir(self.spool), [])
        self.assertEqual(run("init", "--config", os.path.join(self.dir, "c.yaml")).returncode, 0)
        self.goes_on(agent)

    def test_remains_of_a_spool_without_its_identity_are_left_alone(self):
        os.makedirs(os.path.join(self.spool, "segments", "7"))
        agent = self.start_real("create: true")
        self.waits(agent, self.spool, "PENSTOCK is missing beside 'segments'")
        self.assertEqual(os.listdir(self.spool), ["segments"])
        self.assertEqual(run("init", "--spool", self.spool).returncode, 1)

    def test_spool_with_another_id_is_refused_untouched_and_the_right_one_is_taken(self):
        other, right = os.path.join(self.dir, "other"), os.path.join(self.dir, "right")
        ids = [run("init", "--spool", path).stdout.decode().strip() for path in (other, right)]
        os.rename(other, self.spool)
        os.unlink(os.path.join(self.spool, "LOCK"))
        agent = self.start_real(f"id: {ids[1].upper()}", "create: true")
        self.waits(agent, self.spool, ids[0], ids[1].upper())
        self.assertEqual(os.listdir(self.spool), ["PENSTOCK"])
        os.rename(self.spool, other)
        time.sleep(0.5)
        self.assertFalse(os.path.exists(self.spool))  # spool.id asks for one that exists somewhere
        os.rename(right, self.spool)
        self.goes_on(agent)

    def test_damaged_identity_is_waited_for_too(self):
        os.mkdir(self.spool)
        self.write("spool/PENSTOCK", "penstock-spool: 1\nid: garbage\n")
        agent = self.start_real("create: true")
        self.waits(agent, self.spool, "PENSTOCK is damaged")
        self.assertEqual(os.listdir(self.spool), ["PENSTOCK"])

    def test_directory_that_takes_nothing(self):
        agent = self.start("--mock-kafka", "--spool", "/proc/penstock", wait=False)
        self.waits(agent, "/proc/penstock")

    def test_spool_that_is_not_writable(self):
        # Root may write everywhere: then somebody else tries, with a copy of the program that they can reach.
        os.mkdir(self.spool)
        os.chmod(self.dir, 0o755)
        os.chmod(self.spool, 0o555)
        program = shutil.copy(PENSTOCK, self.dir)
        who = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        agent = self.start("--mock-kafka", "--spool", self.spool, program=program, wait=False, **who)
        self.waits(agent, self.spool, "Permission denied")
        os.chmod(self.spool, 0o777)
        self.goes_on(agent)

    def test_mount_wait_gives_up_with_the_reason(self):
        agent = self.start_real("mount_wait: 700ms")
        self.waits(agent, self.spool)
        self.assertEqual(agent.process.wait(DEADLINE_S), 1)
        self.assertRegex(agent.log(), r"event=start_failed .*mount_wait.*No such file")

    def test_mount_point_that_is_none_is_waited_for_and_init_refuses(self):
        os.mkdir(self.spool)
        agent = self.start_real(f"require_mount: {self.dir}", "create: true")
        self.waits(agent, self.spool, f"'{self.dir}' is not mounted")
        self.assertEqual(os.listdir(self.spool), [])
        got = run("init", "--config", os.path.join(self.dir, "c.yaml"))
        self.assertEqual(got.returncode, 1)
        self.assertIn("is not mounted", got.stderr.decode())
        self.assertEqual(os.listdir(self.spool), [])

    def test_term_ends_the_wait_with_exit_0(self):
        agent = self.start_real()
        self.waits(agent, self.spool)
        begun = time.monotonic()
        self.assertEqual(agent.stop(), 0)
        self.assertLess(time.monotonic() - begun, 2)

    def test_directory_replaced_and_put_back(self):
        agent = self.start_mock()
        self.assertEqual(agent.request("POST", "/topics/t", b"x")[0], 200)
        os.rename(self.spool, self.spool + ".away")
        os.mkdir(self.spool)
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 503, "the refusal", seconds=1)
        self.assertIn("another directory", agent.status()["reason"])
        time.sleep(0.5)
        self.assertEqual(os.listdir(self.spool), [])  # made at the start only, whatever spool.create says
        os.rmdir(self.spool)
        os.rename(self.spool + ".away", self.spool)
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 200, "the spool", seconds=1)
        self.assertEqual(agent.request("POST", "/topics/t", b"x")[0], 200)
        wait_until(lambda: agent.status()["delivered"] == 2, "the delivery")

    def test_copy_in_its_place_is_opened_instead(self):
        agent = self.start_mock()
        self.assertEqual(agent.request("POST", "/topics/t", b"x")[0], 200)
        shutil.copytree(self.spool, self.spool + ".copy", ignore=shutil.ignore_patterns("admin.sock"))
        os.rename(self.spool, self.spool + ".away")
        os.rename(self.spool + ".copy", self.spool)
        wait_until(lambda: "event=spool_there" in agent.log(), "the other spool")
        self.assertEqual(agent.request("POST", "/topics/t", b"y")[0], 200)
        status = wait_until(lambda: (s := agent.status()) and s["accepted"] == 2 and not s["counting"] and s, "the books")
        self.assertEqual(status["lost"], 0)
        self.assertEqual(agent.stop(), 0)

    def test_agent_that_has_had_its_spool_never_makes_another(self):
        agent = self.start_mock()
        with open(os.path.join(self.spool, "PENSTOCK"), "rb") as f:
            identity = f.read()
        os.rename(self.spool, self.spool + ".away")
        os.mkdir(self.spool)
        self.write("spool/segments", "no directory")  # a copy that can't be opened: the agent ends up without any spool
        with open(os.path.join(self.spool, "PENSTOCK"), "wb") as f:
            f.write(identity)
        wait_until(lambda: "'segments'" in agent.status()["reason"], "the reason")
        shutil.rmtree(self.spool)
        wait_until(lambda: "No such file" in agent.status()["reason"], "the next reason", seconds=1)
        os.mkdir(self.spool)
        wait_until(lambda: "no file PENSTOCK" in agent.status()["reason"], "the last reason", seconds=1)
        time.sleep(0.5)
        self.assertEqual(os.listdir(self.spool), [])
        os.rmdir(self.spool)
        os.rename(self.spool + ".away", self.spool)
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 200, "the spool", seconds=1)
        self.assertEqual(agent.request("POST", "/topics/t", b"x")[0], 200)
        self.assertEqual(agent.stop(), 0)

    def test_identity_that_is_deleted_refuses_and_damaged_is_made_good(self):
        agent = self.start_mock()
        path = os.path.join(self.spool, "PENSTOCK")
        with open(path, "rb") as f:
            content = f.read()
        os.unlink(path)
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 503, "the refusal", seconds=1)
        self.assertIn("PENSTOCK", agent.status()["reason"])
        with open(path, "wb") as f:
            f.write(content)
        wait_until(lambda: agent.request("GET", "/readyz")[0] == 200, "the spool", seconds=1)
        with open(path, "r+b") as f:
            f.write(b"#")
        wait_until(lambda: "event=identity_damaged" in agent.log(), "the cure")
        with open(path, "rb") as f:
            self.assertEqual(f.read(), content)
        self.assertEqual(agent.request("GET", "/readyz")[0], 200)


class Init(Case):
    def test_makes_a_spool_once_and_prints_its_id(self):
        first, second = (run("init", "--spool", self.spool) for _ in range(2))
        self.assertEqual((first.returncode, second.returncode), (0, 0), (first.stderr, second.stderr))
        self.assertRegex(first.stdout.decode(), r"^[0-9a-f-]{36}\n$")
        self.assertEqual(first.stdout, second.stdout)
        self.assertIn("new", first.stderr.decode())
        self.assertIn("already", second.stderr.decode())
        agent = self.start("--mock-kafka", "--spool", self.spool)
        self.assertEqual(agent.status()["spool_id"], first.stdout.decode().strip())
        self.assertEqual(run("init", "--spool", self.spool).stdout, first.stdout)  # while an agent has it

    def test_new_id(self):
        old = run("init", "--spool", self.spool).stdout.decode().strip()
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, id: {old}}}\nkafka: {{bootstrap.servers: 127.0.0.1:1}}\n")
        agent = self.start("--mock-kafka", "--spool", self.spool)
        got = run("init", "--new-id", "--spool", self.spool)
        self.assertEqual((got.returncode, got.stdout), (1, b""))
        self.assertIn(f"in use by process {agent.process.pid}", got.stderr.decode())
        self.assertEqual(agent.stop(), 0)
        got = run("init", "--new-id", "--config", config)
        new = got.stdout.decode().strip()
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertNotEqual(new, old)
        for words in (old, new, f"spool.id in '{config}'"):
            self.assertIn(words, got.stderr.decode())
        got = run("init", "--new-id", "--config", config)   # it still asks for the old one
        self.assertEqual(got.returncode, 1)
        self.assertIn(old, got.stderr.decode())
        agent = self.start("--mock-kafka", "--spool", self.spool)
        self.assertEqual(agent.status()["spool_id"], new)
        self.assertEqual(agent.request("GET", f"/progress?spool_id={new}")[0], 200)
        for path in ("/progress", "/receipts/1882960506935836672"):
            code, body = agent.request("GET", f"{path}?spool_id={old}")
            self.assertEqual((code, json.loads(body)["error_code"]), (404, 40403))
        self.assertEqual(run("init", "--new-id", "--spool", self.spool + "-none").returncode, 1)

    def test_damaged_one_is_a_clear_error_and_stays(self):
        os.mkdir(self.spool)
        path = self.write("spool/PENSTOCK", "what?")
        got = run("init", "--spool", self.spool)
        self.assertEqual(got.returncode, 1)
        self.assertIn(self.spool, got.stderr.decode())
        self.assertIn("damaged", got.stderr.decode())
        with open(path) as f:
            self.assertEqual(f.read(), "what?")

    def test_usage(self):
        self.assertEqual(run("init").returncode, 2)
        self.assertEqual(run("init", "--spool", self.spool, "more").returncode, 2)
        self.assertEqual(run("init", "--config", self.write("c.yaml", "log: {level: info}\n")).returncode, 2)
        self.assertEqual(run("init", "--spool", os.path.join(self.dir, "a", "b")).returncode, 1)  # makes one directory, not more


class Config(Case):
    GOOD = "spool: {path: /tmp/x}\nkafka: {bootstrap.servers: b}\n"

    def check(self, text):
        got = run("check-config", self.write("c.yaml", text))
        return got.returncode, got.stdout.decode(), got.stderr.decode()

    def test_good_file_is_ok(self):
        code, out, err = self.check(self.GOOD)
        self.assertEqual((code, out, err), (0, f"{self.dir}/c.yaml: ok\n", ""))

    def test_mistakes_are_reported_with_their_place_and_exit_2(self):
        cases = {
            "spool:\n  segmet_size: 1\n": ":2:3: 'spool.segmet_size': no such setting; did you mean 'spool.segment_size'?",
            self.GOOD + "log: {level: loud}\n": ":3:14: 'loud': log.level takes debug, info, warn, error",
            "spool: {path: /x}\nkafka: {bootstrap.servers: b, acks: 1}\n": ":2:31: 'kafka.acks': can't be set: acks=all is fixed",
            self.GOOD + "listen: {http: ['0.0.0.0:80']}\n": ":3:16: listen.http: ",
            self.GOOD + "bridge: {delivery: once}\n": ":3:20: 'once': bridge.delivery takes exactly_once, at_least_once",
            "": ": spool.path must be set",
        }
        for text, wanted in cases.items():
            code, out, err = self.check(text)
            self.assertEqual((code, out), (2, ""), text)
            self.assertTrue(err.startswith(f"{self.dir}/c.yaml{wanted}"), err)
            self.assertEqual(err.count("\n"), 1)
            got = run("run", "--config", os.path.join(self.dir, "c.yaml"))
            self.assertEqual(got.returncode, 2)
            self.assertIn(wanted, got.stderr.decode())

    def test_file_that_is_not_there(self):
        got = run("check-config", os.path.join(self.dir, "none.yaml"))
        self.assertEqual(got.returncode, 2)
        self.assertIn("none.yaml", got.stderr.decode())

    def test_secrets_stay_out_of_logs(self):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true}}\nlog: {{level: debug}}\n"
                                      "kafka: {bootstrap.servers: '127.0.0.1:1', security.protocol: sasl_plaintext,\n"
                                      "  sasl.mechanisms: PLAIN, sasl.username: u, sasl.password: '${PENSTOCK_TEST_PASSWORD}'}\n")
        os.environ["PENSTOCK_TEST_PASSWORD"] = "hunter2"
        try:
            agent = self.start("--config", config)
        finally:
            del os.environ["PENSTOCK_TEST_PASSWORD"]
        time.sleep(0.5)
        self.assertEqual(agent.stop(), 0)
        self.assertNotIn("hunter2", agent.log())


class Usage(Case):
    def test_mistakes_are_one_line_with_exit_2(self):
        for args in ([], ["dance"], ["run"], ["run", "--what"], ["run", "--mock-kafka", "x"], ["produce"], ["produce", "-t"],
                     ["produce", "-t", "bad topic"], ["produce", "-t", "x", "--url", "ftp://x"], ["status", "x"],
                     ["check-config"], ["check-config", "a", "b"], ["check-config", "--what"]):
            got = run(*args)
            self.assertEqual(got.returncode, 2, args)
            self.assertEqual(got.stderr.count(b"\n"), 1, got.stderr)
            self.assertIn(b"--help", got.stderr)
            self.assertEqual(got.stdout, b"")

    def test_help_is_everywhere(self):
        for args in (["--help"], ["help"], ["run", "--help"], ["produce", "--help"], ["status", "-h"], ["check-config", "--help"]):
            got = run(*args)
            self.assertEqual((got.returncode, got.stderr), (0, b""), args)
            self.assertGreater(len(got.stdout), 100)

    def test_version(self):
        self.assertRegex(run("version").stdout.decode(), r"^penstock \d+\.\d+\.\d+\n$")


class Produce(Case):
    def test_every_line_arrives_in_order(self):
        agent = self.start_mock()
        lines = [f"line {i}" for i in range(25000)] + ["", "é {\"a\": 1}", "x" * 900000, "cr\r", "last"]
        got = agent.produce("-t", "t", stdin="\n".join(lines).encode())
        self.assertEqual((got.returncode, got.stderr), (0, b"penstock produce: 25004 accepted, 0 refused\n"))
        wait_until(lambda: agent.status()["topics"]["t"]["delivered"] == 25004, "the delivery")
        if shutil.which("kcat"):
            # The mock cluster spreads events without a key; all are there, none is changed.
            raw = subprocess.run(["kcat", "-b", agent.bootstrap(), "-C", "-t", "t", "-o", "beginning", "-e", "-q"],
                                 capture_output=True, timeout=60, check=True).stdout.decode()
            self.assertEqual(sorted(raw.split("\n")[:-1]), sorted(line for line in lines if line))

    def test_keys_headers_and_nulls_arrive_as_kcat_would_send_them(self):
        agent = self.start_mock()
        stdin = b"a:1\n\n:x\nk:\nnokey\nend:\r\nlast"
        self.assertEqual(agent.produce("-t", "t", "-K:", "-H", "h=v", "-H", "n", stdin=stdin).returncode, 0)
        self.assertEqual(agent.produce("-t", "z", "-K", "\\t", "-Z", "-k", "dflt", stdin=b"k\t\n\tv\nw\n").returncode, 0)
        wait_until(lambda: agent.status()["delivered"] == 9, "the delivery")
        if shutil.which("kcat") is None:
            return
        def seen(topic):
            return sorted(subprocess.run(["kcat", "-b", agent.bootstrap(), "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f",
                                          "%k(%K)=%s(%S) %h;"], capture_output=True, timeout=60, check=True).stdout.split(b";")[:-1])
        self.assertEqual(seen("t"), sorted([b"a(1)=1(1) h=v,n=NULL", b"(0)=x(1) h=v,n=NULL", b"k(1)=(0) h=v,n=NULL",
                                            b"(-1)=nokey(5) h=v,n=NULL", b"end(3)=\r(1) h=v,n=NULL", b"(-1)=last(4) h=v,n=NULL"]))
        self.assertEqual(seen("z"), sorted([b"k(1)=(-1) ", b"dflt(4)=v(1) ", b"dflt(4)=w(1) "]))

    def test_lines_at_fault_are_named_and_the_others_go_on(self):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true, max_event_size: 100}}\n"
                                      "listen: {max_body: 100KiB}\n")
        agent = self.start("--config", config, "--mock-kafka")
        lines = ["x" * 50] * 3000
        for number in (1, 500, 501, 3000):
            lines[number - 1] = "y" * 101
        lines[1999] = "z" * 300000  # more than a whole request may be
        got = agent.produce("-t", "t", stdin="\n".join(lines).encode())
        self.assertEqual(got.returncode, 1)
        self.assertEqual(re.findall(r"line (\d+) refused", got.stderr.decode()), ["1", "500", "501", "2000", "3000"])
        self.assertIn("2995 accepted, 5 refused", got.stderr.decode())
        self.assertEqual(agent.status()["accepted"], 2995)

    def test_topic_that_is_not_allowed_ends_it(self):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true}}\ntopics: {{allow: [good]}}\n")
        agent = self.start("--config", config, "--mock-kafka")
        self.assertEqual(agent.produce("-t", "good", stdin=b"a\n").returncode, 0)
        got = agent.produce("-t", "bad", stdin=b"a\nb\n")
        self.assertEqual(got.returncode, 1)
        self.assertIn("refuses /topics/bad: 404", got.stderr.decode())

    def test_waits_for_an_agent_that_starts_later(self):
        port = free_port()
        sender = self.sender("-t", "t", "--url", f"http://127.0.0.1:{port}", stderr=subprocess.PIPE)
        sender.stdin.write(b"a\nb\n")
        sender.stdin.close()
        time.sleep(0.5)
        self.assertIsNone(sender.poll())
        agent = self.start_mock(port=port)
        self.assertEqual(sender.wait(DEADLINE_S), 0)
        self.assertIn(b"trying again", sender.stderr.read())
        self.assertEqual(agent.status()["accepted"], 2)

    def test_survives_a_restart_of_the_agent_in_the_middle(self):
        agent = self.start_mock()
        sender = self.sender("-q", "-t", "t", "--url", agent.url)
        for i in range(100):
            sender.stdin.write(f"{i}\n".encode())
            sender.stdin.flush()
            time.sleep(0.01)
            if i == 50:
                agent.kill()
                agent = self.start_mock(port=agent.port)
        sender.stdin.close()
        self.assertEqual(sender.wait(DEADLINE_S), 0)
        wait_until(lambda: not agent.status()["counting"], "the books")
        self.assertGreaterEqual(agent.status()["accepted"], 100)

    def test_gives_up_after_its_timeout(self):
        begun = time.monotonic()
        got = run("produce", "-t", "t", "--url", f"http://127.0.0.1:{free_port()}", "--timeout", "500ms", stdin=b"a\n")
        self.assertEqual(got.returncode, 1)
        self.assertIn(b"gave up", got.stderr)
        self.assertLess(time.monotonic() - begun, 10)

    def test_slow_lines_go_out_without_waiting_for_more(self):
        agent = self.start_mock()
        sender = self.sender("-q", "-t", "t", "--url", agent.url)
        sender.stdin.write(b"first\nhalf")
        sender.stdin.flush()
        wait_until(lambda: agent.status()["accepted"] == 1, "the first line", 5)
        sender.send_signal(signal.SIGTERM)  # what was read in whole lines is there; half a line is none
        self.assertEqual(sender.wait(DEADLINE_S), 128 + signal.SIGTERM)
        self.assertEqual(agent.status()["accepted"], 1)

    def test_second_signal_ends_it_while_the_agent_is_away(self):
        sender = self.sender("-t", "t", "--url", f"http://127.0.0.1:{free_port()}", stderr=subprocess.PIPE)
        sender.stdin.write(b"a\n")
        sender.stdin.flush()
        time.sleep(0.3)
        sender.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(sender.poll())
        sender.send_signal(signal.SIGINT)
        self.assertEqual(sender.wait(DEADLINE_S), -signal.SIGINT)

    def test_files_and_counts(self):
        agent = self.start_mock()
        first, second = self.write("1", "a\nb\n"), self.write("2", "c\nd\ne")
        self.assertEqual(agent.produce("-t", "lines", "-l", first, second).returncode, 0)
        self.assertEqual(agent.produce("-t", "whole", first, second).returncode, 0)
        self.assertEqual(agent.produce("-t", "some", "-l", "-c", "3", first, second).returncode, 0)
        self.assertEqual(agent.produce("-t", "partition", "-p", "0", stdin=b"x\n").returncode, 0)
        accepted = {topic: books["accepted"] for topic, books in agent.status()["topics"].items()}
        self.assertEqual(accepted, {"lines": 5, "whole": 2, "some": 3, "partition": 1})
        self.assertEqual(agent.produce("-t", "t", "-l", os.path.join(self.dir, "none")).returncode, 1)


class Pages(Case):
    def test_pages_of_a_running_agent(self):
        agent = self.start_mock()
        agent.produce("-t", "t", stdin=b"a\nb\n")
        self.assertEqual(agent.request("GET", "/healthz"), (200, b'{"status":"ok"}\n'))
        self.assertEqual(agent.request("GET", "/readyz"), (200, b'{"ready":true}\n'))
        code, metrics = agent.request("GET", "/metrics")
        self.assertEqual(code, 200)
        self.assertIn(b"\npenstock_events_accepted_total 2\n", metrics)
        resident = int(re.search(rb"penstock_process_resident_memory_bytes (\d+)", metrics).group(1))
        self.assertLess(resident, 192 << 20)
        status = wait_until(lambda: (s := agent.status()) and s["delivered"] == 2 and s, "the delivery")
        self.assertEqual(status["topics"]["t"], {"accepted": 2, "delivered": 2, "pending": 0, "dead_lettered": 0, "lost": 0,
                                                 "pending_bytes": 0, "refused": False})
        self.assertFalse(status["counting"])
        got = run("status", "--url", agent.url)
        self.assertRegex(got.stdout.decode(), r"(?m)^t +2 +2 +0 +0 +0$")
        self.assertEqual(json.loads(run("status", "--json", "--url", agent.url).stdout)["accepted"], 2)

    def test_status_without_an_agent_is_exit_1(self):
        got = run("status", "--url", f"http://127.0.0.1:{free_port()}")
        self.assertEqual((got.returncode, got.stdout), (1, b""))
        self.assertIn(b"no agent answers", got.stderr)

    def test_full_spool_refuses_and_says_why(self):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true, segment_size: 4MiB, max_size: 16MiB}}\n"
                                      f"kafka: {{bootstrap.servers: \"127.0.0.1:{free_port()}\"}}\nbridge: {{topic_share: 100}}\n")
        agent = self.start("--config", config)
        event = b"x" * 500000
        codes = []
        for _ in range(100):
            codes.append(agent.request("POST", "/topics/t", event)[0])
            if codes[-1] != 200:
                break
        self.assertEqual(codes[-1], 503)
        self.assertGreater(len(codes), 5)
        code, body = agent.request("GET", "/readyz")
        self.assertEqual(code, 503)
        self.assertIn("max_size", json.loads(body)["reason"])
        self.assertEqual(agent.request("GET", "/healthz")[0], 200)
        self.assertFalse(agent.status()["ready"])
        self.assertEqual(agent.status()["accepted"], len(codes) - 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
