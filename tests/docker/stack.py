# SPDX-License-Identifier: MIT
"""docker/compose.yaml, brought up under a project name of its own; and clients that know what was acknowledged."""
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

from engine import SOURCE, run, say

COMPOSE = [["docker", "compose"], ["docker-compose"]]
SOCKET = "/run/penstock/http.sock"


def fail(text):
    say("FAILED: " + text)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"waited {seconds} s in vain until {what}")
        time.sleep(0.25)


class Stack:
    def __init__(self, engine):
        self.engine = engine
        self.project = f"penstock{os.getpid()}"
        self.image = f"penstock:test-{os.getpid()}"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.environment = {**engine.environment, "PENSTOCK_PORT": str(self.port), "PENSTOCK_IMAGE": self.image,
                            "COMPOSE_PROJECT_NAME": self.project}
        self.words = next((words for words in COMPOSE if run(*words, "version", must=False, env=self.environment)[0] == 0), None)
        check(self.words is not None, "neither docker compose nor docker-compose is there")

    def __call__(self, *words, seconds=180, must=True):
        return run(*self.words, "-f", os.path.join(SOURCE, "docker/compose.yaml"), *words, seconds=seconds, must=must, env=self.environment)

    def container(self, service):
        """The line may have warnings above it."""
        return self("ps", "-a", "-q", service).split()[-1]

    def inspect(self, service, form):
        return self.engine.docker("inspect", "-f", form, self.container(service)).strip()

    def in_image(self, *words, volumes=(), user=None, must=True, seconds=120, input=None):
        """A container of the image beside the stack's: a program of the host that shares its volumes."""
        shared = [word for name, path in volumes for word in ("-v", f"{self.project}_{name}:{path}")]
        return self.engine.docker("run", "--rm", "-i", "--network", "none", *shared, *(["--user", user] if user else []), "--entrypoint", words[0],
                                  self.image, *words[1:], must=must, seconds=seconds, input=input)

    def status(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/status")
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None

    def wait_drained(self, seconds):
        def drained():
            status = self.status()
            return status and not status["counting"] and status["pending"] == 0 and status
        return wait_until(drained, seconds, "everything is delivered")

    def consume(self, *more):
        """The values of the topic, from its beginning, as a consumer of committed records sees it."""
        out = self.engine.docker("exec", self.container("kafka"), "/opt/kafka/bin/kafka-console-consumer.sh", "--bootstrap-server", "localhost:9092",
                                 "--topic", "demo", "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "6000",
                                 *more, seconds=120, must=False)[1]
        return out.splitlines()


class PortSender:
    """Events through the published port, one after the other; knows which were acknowledged."""

    def __init__(self, stack, prefix):
        self.stack, self.prefix, self.acknowledged, self.going, self.count = stack, prefix, [], True, 0
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self):
        connection = None
        while self.going:
            name = f"{self.prefix}-{self.count}"
            self.count += 1   # a name is never sent again: what was not answered may be there or not
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=15)
                connection.request("POST", "/topics/demo", name)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged.append(name)
            except (OSError, http.client.HTTPException):
                connection = None
                time.sleep(0.05)
            time.sleep(0.002)

    def stop(self):
        self.going = False
        self.thread.join()
        return self.acknowledged


class SocketSender:
    """The image's own `penstock produce` through the shared Unix socket; ends with 0 once every line is acknowledged."""

    def __init__(self, stack, prefix, count):
        self.names = [f"{prefix}-{i}" for i in range(count)]
        self.process = subprocess.Popen(["docker", "run", "--rm", "-i", "--network", "none", "-v", f"{stack.project}_socket:/run/penstock", stack.image,
                                         "produce", "-t", "demo", "--unix", SOCKET], stdin=subprocess.PIPE, env=stack.environment)
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self):
        with self.process.stdin as lines:
            for name in self.names:
                lines.write(name.encode() + b"\n")
                lines.flush()
                time.sleep(0.005)

    def stop(self):
        self.thread.join()
        check(self.process.wait(60) == 0, f"penstock produce ended with {self.process.returncode}")
        return self.names
