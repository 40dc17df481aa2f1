# SPDX-License-Identifier: MIT
"""docker/compose.yaml as a user would run it, with everything happening to it: the agent killed, Kafka stopped under load, the
spool's volume damaged, all of it down and up. Every event that was acknowledged arrives, once."""
import collections
import glob
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time

from engine import SOURCE, Engine, run, say

SECONDS_MAX = 780
COMPOSE = [["docker", "compose"], ["docker-compose"]]


def fail(text):
    say("FAILED: " + text)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"waited {seconds} s in vain until {what}")
        time.sleep(0.5)


class Stack:
    def __init__(self, engine):
        self.engine = engine
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.environment = {**engine.environment, "PENSTOCK_PORT": str(self.port), "COMPOSE_PROJECT_NAME": f"penstock{os.getpid()}"}
        self.words = next((words for words in COMPOSE if run(*words, "version", must=False, env=self.environment)[0] == 0), None)
        check(self.words is not None, "neither docker compose nor docker-compose is there")

    def __call__(self, *words, seconds=180, must=True):
        return run(*self.words, "-f", os.path.join(SOURCE, "docker/compose.yaml"), *words, seconds=seconds, must=must, env=self.environment)

    def container(self, service):
        return self("ps", "-q", service).split()[-1]

    def status(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/status")
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except OSError:
            return None

    def wait_drained(self, seconds):
        def drained():
            status = self.status()
            return status and not status["counting"] and status["pending"] == 0
        wait_until(drained, seconds, "everything is delivered")

    def consume(self, count=None):
        """All of the topic once nothing more comes (or its first events), as a consumer of committed records sees it."""
        out = self.engine.docker("exec", self.container("kafka"), "/opt/kafka/bin/kafka-console-consumer.sh", "--bootstrap-server", "localhost:9092",
                                 "--topic", "demo", "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "8000",
                                 *(["--max-messages", str(count)] if count else []), seconds=120, must=False)[1]
        return [line for line in out.splitlines() if line.startswith(("event-", "again-", "load-"))]


class Sender:
    """Events through the published port, one after the other; knows which were acknowledged."""

    def __init__(self, stack, prefix="event"):
        self.prefix = prefix
        self.stack, self.acknowledged, self.unknown, self.going, self.count = stack, [], [], True, 0
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self):
        connection = None
        while self.going:
            name = f"{self.prefix}-{self.count}"
            self.count += 1
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=10)
                connection.request("POST", "/topics/demo", name)
                answer = connection.getresponse()
                answer.read()
                (self.acknowledged if answer.status == 200 else self.unknown).append(name)
            except (OSError, http.client.HTTPException):
                self.unknown.append(name)
                connection = None
                time.sleep(0.05)
            time.sleep(0.002)

    def stop(self):
        self.going = False
        self.thread.join()


def check_arrived(stack, sender, lost=0):
    arrived = collections.Counter(stack.consume())
    missing = [name for name in sender.acknowledged if name not in arrived]
    twice = [name for name, count in arrived.items() if count > 1]
    check(len(missing) == lost, f"{len(missing)} of {len(sender.acknowledged)} acknowledged events are missing, {lost} were reported: {missing[:5]}")
    check(not twice, f"{len(twice)} events arrived twice: {twice[:5]}")
    loads = sum(name.startswith("load-") for name in arrived)
    check(loads > 0, "nothing came through the Unix socket")
    say(f"{len(sender.acknowledged)} acknowledged, {len(missing)} missing (reported lost: {lost}), none twice; {loads} through the Unix socket")


def damage(stack):
    """Flips a byte in events that are pending."""
    volume = next(m["Source"] for m in json.loads(stack.engine.docker("inspect", stack.container("penstock")))[0]["Mounts"] if m["Destination"] == "/var/lib/penstock")
    for path in sorted(glob.glob(os.path.join(volume, "spool/segments/*/*.log")), reverse=True):
        with open(path, "r+b") as f:
            data = f.read()
            first, last = data.find(b"again-"), data.rfind(b"again-")
            if first < 0:
                continue
            at = data.find(b"again-", (first + last) // 2)
            f.seek(at + 2)
            f.write(b"\xff")
            return path
    fail("no pending event to damage")


def scenes(stack):
    stack("up", "-d", "--no-build", seconds=300)
    wait_until(lambda: stack.status() is not None, 60, "the agent answers on the published port")
    say("up: " + ", ".join(line.split()[0] for line in stack("ps").splitlines()[1:] if line.strip() and not line.startswith("-")))
    sender = Sender(stack)
    try:
        wait_until(lambda: (stack.status() or {}).get("delivered", 0) > 300, 90, "events arrive")
        stack.engine.docker("kill", "--signal", "KILL", stack.container("penstock"))
        stack("up", "-d", "--no-build", "penstock", "load")
        wait_until(lambda: stack.status() is not None, 60, "the agent is back")
        say("the agent was killed and started again")
        time.sleep(4)
        stack("stop", "-t", "20", "kafka")
        time.sleep(8)
        pending = stack.status()["pending"]
        check(pending > 100, f"events are taken while Kafka is away: {pending} pending")
        stack("start", "kafka")
        say(f"Kafka was stopped for a while, {pending} events waited")
        time.sleep(4)
    finally:
        sender.stop()
    stack("stop", "load")
    stack.wait_drained(120)
    check_arrived(stack, sender)

    stack("stop", "-t", "20", "kafka")
    again = Sender(stack, "again")
    time.sleep(4)
    again.stop()
    stack("stop", "-t", "20", "penstock")
    damage(stack)
    stack("start", "kafka")
    stack("start", "penstock")
    stack.wait_drained(120)
    status = stack.status()
    check(status["lost"] == 1, f"one event is reported lost: {status['lost']}")
    again.acknowledged += sender.acknowledged
    check_arrived(stack, again, lost=1)

    started = time.monotonic()
    stack("down", "-t", "20")
    stack("up", "-d", "--no-build", seconds=300)
    wait_until(lambda: stack.status() is not None, 90, "the agent answers again")
    check(stack.status()["accepted"] >= len(sender.acknowledged), "the books are those of the volume")
    wait_until(lambda: any(name.startswith("load-") for name in stack.consume(5)), 90, "events flow again after down and up")
    say(f"down and up on the same volume: {time.monotonic() - started:.0f} s")


def end_in_time(number, frame):
    fail(f"not done after {SECONDS_MAX} s")


def main():
    signal.signal(signal.SIGALRM, end_in_time)
    signal.alarm(SECONDS_MAX)
    engine = Engine()
    stack = None
    try:
        engine.get_images()
        engine.build("penstock:local", SOURCE, "-f", os.path.join(SOURCE, "docker/Dockerfile"))
        size = int(engine.docker("image", "inspect", "-f", "{{.Size}}", "penstock:local")) // 10**6
        say(f"built penstock:local, {size} MB")
        stack = Stack(engine)
        check(stack("config", "-q", must=False)[0] == 0, "compose.yaml is valid")
        scenes(stack)
    except BaseException:
        if stack is not None:
            print(stack("logs", "--no-color", "--tail", "60", must=False)[1][-8000:], flush=True)
        raise
    finally:
        signal.alarm(0)
        if stack is not None:
            stack("down", "-v", "-t", "5", must=False)
        engine.stop()
    say("done")


main()
