#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_clients.py - the client snippets in docs/clients/ do what they are said to do.
#   test_clients.py PENSTOCK SOURCE_DIRECTORY [TEST...]
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PENSTOCK, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
del sys.argv[1:3]
SNIPPETS = {"curl": ["sh", "send.sh"], "Python": [sys.executable, "send.py"], "Go": ["go", "run", "send.go"], "Node": ["node", "send.mjs"],
            "Java": ["java", "Send.java"]}
EVENT = "@opened \u00e9 'door' 100%"   # nothing in it may mean anything to a shell, to curl, or to an encoder


def send(words, url):
    done = subprocess.run([*words, url, EVENT], cwd=os.path.join(SOURCE, "docs/clients"), capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode().strip(), done.stderr.decode().strip()


class Agent:
    """A real one. Its Kafka is away, so that the spool keeps what was sent."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-clients-")
        self.spool = os.path.join(self.directory, "spool")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        config = os.path.join(self.directory, "penstock.yaml")
        with open(config, "w") as f:
            f.write(f"spool:\n  path: {self.spool}\n  create: true\nlisten:\n  http: [\"127.0.0.1:{self.port}\"]\n"
                    "kafka:\n  bootstrap.servers: 127.0.0.1:1\n")
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen([PENSTOCK, "run", "--config", config], stderr=log)
        end = time.time() + 20
        while not self.ready():
            if time.time() > end:
                raise AssertionError("the agent doesn't become ready")
            time.sleep(0.05)

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.directory)

    def events(self):
        out = subprocess.run([PENSTOCK, "spool", "export", self.spool], capture_output=True, check=True, timeout=60).stdout
        return [json.loads(line) for line in out.splitlines()]


class Moody(http.server.BaseHTTPRequestHandler):
    """Busy, then gone without an answer, then well. /wrong is never right."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/wrong":
            self.answer(422, b'{"error_code":42208}', {})
            return
        self.server.bodies.append(body)
        if len(self.server.bodies) == 1:
            self.answer(503, b'{"error_code":50003}', {"Retry-After": "1"})
        elif len(self.server.bodies) == 2:
            self.close_connection = True
        else:
            self.answer(200, b'{"accepted":1}', {"Penstock-Last-Event-Id": "77"})

    def answer(self, code, body, headers):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent()

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()

    def test_an_event_is_stored_and_its_id_is_told(self):
        for name, words in SNIPPETS.items():
            with self.subTest(name):
                topic = "from-" + name
                code, out, problems = send(words, f"http://127.0.0.1:{self.agent.port}/topics/{topic}")
                self.assertEqual(code, 0, problems)
                stored = [event for event in self.agent.events() if event["topic"] == topic]
                self.assertEqual([(event["id"], event["value"]) for event in stored], [(out, EVENT)])

    def test_what_is_wrong_is_told_and_not_repeated(self):
        for name, words in SNIPPETS.items():
            with self.subTest(name):
                code, out, problems = send(words, f"http://127.0.0.1:{self.agent.port}/topics/%20")
                self.assertEqual((code, out), (1, ""))
                self.assertIn("error_code", problems)

    def test_it_is_sent_again_until_it_is_stored(self):
        for name, words in SNIPPETS.items():
            with self.subTest(name):
                server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
                server.bodies = []
                threading.Thread(target=server.serve_forever, daemon=True).start()
                begun = time.time()
                code, out, problems = send(words, f"http://127.0.0.1:{server.server_address[1]}/topics/door")
                server.shutdown()
                server.server_close()
                self.assertEqual((code, out), (0, "77"), problems)
                self.assertEqual(server.bodies, [EVENT.encode()] * 3)
                self.assertGreater(time.time() - begun, 1.9, "it waits before it repeats")


unittest.main(verbosity=2)
