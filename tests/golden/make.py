#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# make.py - makes the golden spool of the format's present version: v<N>.tar.gz, and v<N>.jsonl with what is in it.
#   make.py PENSTOCK
"""Once per released version of the format; what is in the tree is never made again. tests/agent/test_agent_golden.c reads all of
them. The spool has a past with Kafka (cursors, totals), a sealed segment, and one that a kill -9 left unsealed."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PENSTOCK = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Agent:
    def __init__(self, spool, *options):
        self.port = free_port()
        self.process = subprocess.Popen([PENSTOCK, "run", *options, "--spool", spool, "--listen", f"127.0.0.1:{self.port}",
                                         "--log-level", "error"], stdout=subprocess.DEVNULL)
        self.wait(lambda: self.get("/readyz"))

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read()
        except OSError:
            return b""

    @staticmethod
    def wait(condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    def post(self, path, body, content_type="application/octet-stream"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/topics/{path}", body, {"Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(30)


def records(*items):
    return json.dumps({"records": items}).encode(), "application/vnd.kafka.json.v2+json"


with tempfile.TemporaryDirectory() as directory:
    spool = os.path.join(directory, "spool")
    config = os.path.join(directory, "c.yaml")
    with open(config, "w") as f:
        f.write(f"spool: {{path: {spool}}}\nkafka: {{bootstrap.servers: '127.0.0.1:{free_port()}'}}\n")

    agent = Agent(spool, "--mock-kafka")                      # six events that are done
    for i in range(4):
        agent.post(f"orders?key=k{i % 2}", f"delivered {i}".encode())
    agent.post("audit?key=a", b"one")
    agent.post("audit?key=a", b"two")
    agent.wait(lambda: json.loads(agent.get("/status"))["delivered"] == 6)
    agent.end(signal.SIGTERM)

    agent = Agent(spool, "--config", config)                  # a sealed segment
    agent.post("orders", *records({"key": "k0", "value": {"n": 1}}, {"value": None, "key": "gone"}, {"value": "é\U0001f600", "headers": [{"key": "trace", "value": "AP8="}, {"key": "none", "value": None}]}))
    agent.post("orders?key=k1&timestamp=1700000000123", bytes(range(256)))
    agent.post("orders/partitions/3", b"")
    agent.post("audit?key=large", b"forty KiB, across blocks. " * 1600)
    agent.end(signal.SIGTERM)

    agent = Agent(spool, "--config", config)                  # and one without its end
    agent.post("audit", *records(*({"key": f"k{i}", "value": i} for i in range(5))))
    agent.post("third.topic_with-marks", b"last")
    agent.end(signal.SIGKILL)

    with open(os.path.join(spool, "PENSTOCK")) as f:
        version = re.match(r"penstock-spool: (\d+)\n", f.read()).group(1)
    base = os.path.join(HERE, f"v{version}")
    assert not os.path.exists(base + ".tar.gz"), "there is one already"
    shown = subprocess.run([PENSTOCK, "spool", "export", spool], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    with open(base + ".jsonl", "wb") as f:
        f.write(shown)
    subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-czf", base + ".tar.gz", "-C", directory, "spool"],
                   check=True)
    print(f"{base}.tar.gz: {os.path.getsize(base + '.tar.gz')} bytes, {shown.count(bytes([10]))} events in the segments")
