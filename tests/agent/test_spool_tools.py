#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_spool_tools.py - `penstock spool` and `penstock quarantine`: looking into spools that others use, left, or damaged.
#   test_spool_tools.py PENSTOCK [TEST...]
"""Nothing that is only looked into may change: every test that can compares the directory before and after."""
import base64
import hashlib
import json
import os
import unittest

from test_cli import Case, free_port, run, wait_until

BINARY = bytes(range(256)) * 3
RECORDS = [
    ("a", {"value": {"n": 1}, "key": {"k": "é"}}),
    ("a", {"value": None, "key": "gone"}),
    ("b", {"value": "ü" * 2000}),
]


def contents(directory):
    found = {}
    for folder, _, files in os.walk(directory):
        found[folder] = None
        for name in files:
            path = os.path.join(folder, name)
            if name == "admin.sock":   # of an agent that runs, or was killed
                continue
            with open(path, "rb") as f:
                found[path] = (hashlib.sha256(f.read()).hexdigest(), os.stat(path).st_mtime_ns)
    return found


class Tools(Case):
    def start_without_kafka(self, segment_size="64MiB"):
        config = self.write("c.yaml", f"spool: {{path: {self.spool}, create: true, segment_size: {segment_size}}}\n"
                                      f"kafka: {{bootstrap.servers: \"127.0.0.1:{free_port()}\"}}\n")
        return self.start("--config", config)

    def post_all(self, agent):
        for topic, record in RECORDS:
            code, body = agent.request("POST", f"/topics/{topic}", json.dumps({"records": [record]}),
                                       {"Content-Type": "application/vnd.kafka.json.v2+json"})
            self.assertEqual(code, 200, body)
        code, body = agent.request("POST", "/topics/raw?key=x&timestamp=1700000000123", BINARY)
        self.assertEqual(code, 200, body)
        code, body = agent.request("POST", "/topics/raw/partitions/7", b"")
        self.assertEqual(code, 200, body)

    def lines(self, *args):
        got = run("spool", *args)
        self.assertEqual(got.returncode, 0, got.stderr)
        return [json.loads(line) for line in got.stdout.splitlines()]

    def assert_exported(self, events):
        self.assertEqual([e["topic"] for e in events], ["a", "a", "b", "raw", "raw"])
        self.assertEqual(json.loads(events[0]["value"]), {"n": 1})
        self.assertEqual(json.loads(events[0]["key"]), {"k": "é"})
        self.assertIsNone(events[1]["value"])
        self.assertEqual(json.loads(events[2]["value"]), "ü" * 2000)
        self.assertEqual(base64.b64decode(events[3]["value_base64"]), BINARY)
        self.assertEqual((events[3]["key"], events[3]["time_ms"]), ("x", 1700000000123))
        self.assertEqual((events[4]["value"], events[4]["partition"], events[4]["key"]), ("", 7, None))
        ids = [int(e["id"]) for e in events]
        self.assertEqual(ids, sorted(set(ids)))

    def test_export_is_lossless_running_and_after_a_crash(self):
        agent = self.start_without_kafka()
        self.post_all(agent)
        self.assert_exported(self.lines("export", self.spool))
        self.assertEqual(run("spool", "verify", self.spool).returncode, 0)
        agent.kill()
        before = contents(self.spool)
        self.assert_exported(self.lines("export", self.spool))
        self.assertEqual(run("spool", "verify", self.spool).returncode, 0)
        self.assertEqual(run("spool", "ls", self.spool).returncode, 0)
        self.assertEqual(contents(self.spool), before)

    def test_export_into_a_file_is_whole_or_not_there(self):
        agent = self.start_without_kafka()
        self.post_all(agent)
        agent.kill()
        out = os.path.join(self.dir, "out.jsonl")
        self.assertEqual(run("spool", "export", self.spool, "--output", out).returncode, 0)
        with open(out) as f:
            self.assert_exported([json.loads(line) for line in f])
        self.assertFalse(os.path.exists(out + ".tmp"))
        got = run("spool", "export", self.spool, "--output", "/nowhere/at/all")
        self.assertEqual(got.returncode, 1)
        self.assertIn(b"/nowhere/at/all", got.stderr)

    def test_filters(self):
        agent = self.start_without_kafka()
        self.post_all(agent)
        everything = self.lines("export", self.spool)
        self.assertEqual(self.lines("peek", self.spool, "-n", "2"), everything[:2])
        self.assertEqual(self.lines("export", self.spool, "--topic", "raw"), everything[3:])
        self.assertEqual(self.lines("export", self.spool, "--from-id", everything[1]["id"], "--to-id", everything[2]["id"]), everything[1:3])
        self.assertEqual(self.lines("export", self.spool, "--until", "1700000000123"), everything[3:4])
        self.assertEqual(self.lines("export", self.spool, "--pending"), everything)
        got = run("spool", "peek", self.spool, "-n", "two")
        self.assertEqual(got.returncode, 2)
        self.assertIn(b"two", got.stderr)

    def test_pending_is_what_kafka_does_not_have(self):
        agent = self.start_mock()
        agent.produce("--topic", "t", stdin=b"1\n2\n3\n")
        wait_until(lambda: agent.status()["delivered"] == 3, "delivery")
        wait_until(lambda: not self.lines("export", self.spool, "--pending"), "the cursors")

    def test_flipped_byte_is_named_and_the_rest_is_exported(self):
        agent = self.start_without_kafka()
        self.post_all(agent)
        agent.kill()
        everything = self.lines("export", self.spool)
        segments = os.path.join(self.spool, "segments")
        log = os.path.join(segments, sorted(os.listdir(segments))[0], "000003.log")
        with open(log, "r+b") as f:
            at = f.read().index("ü".encode() * 100) + 50
            f.seek(at)
            f.write(b"\x00")
        before = contents(self.spool)
        got = run("spool", "verify", self.spool)
        self.assertEqual(got.returncode, 1, got.stdout)
        self.assertIn(everything[2]["id"].encode(), got.stdout)
        report = json.loads(run("spool", "verify", self.spool, "--json").stdout.splitlines()[0])
        self.assertIn(everything[2]["id"], json.dumps(report))
        left = [dict(e, salvaged=None) for e in self.lines("export", self.spool)]
        self.assertEqual([e["id"] for e in left], [e["id"] for i, e in enumerate(everything) if i != 2])
        self.assertEqual(contents(self.spool), before)

    def test_quarantine_names_what_is_missing(self):
        agent = self.start_without_kafka()
        for value in (b'{"n":1}', b"2", b"3"):
            self.assertEqual(agent.request("POST", "/topics/t", value)[0], 200)
        agent.kill()
        lost = self.lines("export", self.spool)[0]["id"]
        segment = os.listdir(os.path.join(self.spool, "segments"))[0]
        log = os.path.join(self.spool, "segments", segment, "000003.log")
        with open(log, "r+b") as f:
            at = f.read().index(b'{"n"')
            f.seek(at)
            f.write(b"X")
        self.assertEqual(run("quarantine", "list", "--spool", self.spool).returncode, 0)
        agent = self.start_mock()
        wait_until(lambda: agent.status()["lost"] == 1 and agent.status()["pending"] == 0, "the loss")
        shown = wait_until(lambda: run("quarantine", "show", "--spool", self.spool, segment).stdout, "the report")
        self.assertEqual(json.loads(shown)["lost"], [{"first": lost, "last": lost}])
        self.assertIn(segment.encode(), run("quarantine", "list", "--spool", self.spool).stdout)
        got = run("quarantine", "show", "--spool", self.spool, "12345")
        self.assertEqual(got.returncode, 1)
        self.assertIn(b"12345", got.stderr)
        self.assertEqual(run("spool", "verify", self.spool).returncode, 0)   # it was dealt with

    def test_what_is_no_spool(self):
        for command in (("verify",), ("ls",), ("peek",), ("export",)):
            got = run("spool", *command, self.dir)
            self.assertEqual(got.returncode, 3 if command == ("verify",) else 1, (command, got))
            self.assertIn(self.dir.encode(), got.stderr)
            self.assertEqual(run("spool", *command).returncode, 2)
        self.assertEqual(os.listdir(self.dir), [])
        self.assertEqual(run("spool", "eat", self.dir).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
