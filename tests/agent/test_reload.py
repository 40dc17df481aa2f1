#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# test_reload.py - SIGHUP: what a running agent takes from its file again, and what it refuses, without dropping a connection.
#   test_reload.py PENSTOCK [TEST...]
import http.client
import json
import re
import signal
import subprocess
import threading
import time

from test_cli import Case, Agent, free_port, wait_until

import unittest

# Every setting that reloads is tried below, or is one that shows only in time: those are read where they are used, like the others.
TRIED = {"log.level", "topics.allow", "topics.max", "spool.max_event_size", "spool.max_size", "spool.min_free", "listen.max_body",
         "listen.max_connections", "listen.idle_timeout"}
ONLY_IN_TIME = {"spool.max_queued", "spool.commit_timeout", "spool.cursor_interval", "quarantine.max_age", "quarantine.max_size",
                "dead_letter.max_size",
                "listen.max_in_flight", "listen.request_timeout", "bridge.topic_share"}


class Reload(Case):
    def configure(self, spool="", listen="", rest="", kafka=None):
        self.kafka = kafka or getattr(self, "kafka", f"127.0.0.1:{free_port()}")
        return self.write("c.yaml", f"spool: {{path: {self.spool}, create: true{spool}}}\nlisten: {{http: ['127.0.0.1:{self.port}']{listen}}}\n"
                                    f"kafka: {{bootstrap.servers: '{self.kafka}', sasl.password: hunter2}}\n{rest}\n")

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.agent = Agent(self.dir, "--config", self.configure(), port=self.port)
        self.agents.append(self.agent)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.addCleanup(self.connection.close)
        self.assertEqual(self.post("t"), 200)
        self.socket = self.connection.sock

    def post(self, topic, body=b"x"):
        self.connection.request("POST", f"/topics/{topic}", body)
        response = self.connection.getresponse()
        response.read()
        return response.status

    def reload(self, **changes):
        """Returns the new lines of the log; the connection from the start is still the one in use."""
        if changes:
            self.configure(**changes)
        before = len(self.agent.log())
        self.agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: re.search("event=(reloaded|reload_refused)", self.agent.log()[before:]), "the reload")
        self.assertIs(self.connection.sock, self.socket)
        return self.agent.log()[before:]

    def assert_reloaded(self, names, **changes):
        self.assertIn(f"event=reloaded changed={names}\n", self.reload(**changes))

    def test_nothing_changed(self):
        self.assert_reloaded("nothing")
        self.assertEqual(self.post("t"), 200)

    def test_topics(self):
        self.assert_reloaded("topics.allow", rest="topics: {allow: [t]}")
        self.assertEqual((self.post("t"), self.post("u")), (200, 404))
        self.assert_reloaded("topics.max,topics.allow", rest="topics: {max: 1}")
        self.assertEqual((self.post("t"), self.post("u")), (200, 422))
        self.assert_reloaded("topics.max", rest="")
        self.assertEqual((self.post("t"), self.post("u")), (200, 200))

    def test_sizes_of_events_and_bodies(self):
        self.assertEqual(self.post("t", b"x" * 2000), 200)
        self.assert_reloaded("spool.max_event_size", spool=", max_event_size: 1000")
        self.assertEqual((self.post("t", b"x" * 500), self.post("t", b"x" * 2000)), (200, 413))
        self.assert_reloaded("spool.max_event_size,listen.max_body", listen=", max_body: 1KiB")
        self.connection.request("POST", "/topics/t", b"x" * 1025)
        self.assertEqual(self.connection.getresponse().status, 413)   # this one ends its connection
        self.connection.close()
        self.assertEqual(self.post("t", b"x" * 1000), 200)

    def test_limits_of_space(self):
        self.assert_reloaded("spool.min_free", spool=", min_free: 900TiB")
        self.assertEqual(self.post("t"), 503)
        self.assertEqual(self.agent.request("GET", "/readyz")[0], 503)
        self.assert_reloaded("spool.min_free", spool="")
        wait_until(lambda: self.post("t") == 200, "it takes events again")

    def test_connections_and_their_time(self):
        self.assert_reloaded("listen.max_connections,listen.idle_timeout", listen=", max_connections: 3, idle_timeout: 300ms")
        wait_until(lambda: self.agent.status() and b"connections_evicted_total 0" not in self.agent.request("GET", "/metrics")[1],
                   "the silent connection is closed")

    def test_the_level_of_the_log(self):
        # "listening" and such are info; a reload tells at info, too.
        self.configure(rest="log: {level: error}")
        self.agent.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        self.configure(rest="")
        before = len(self.agent.log())
        self.agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=reloaded changed=log.level\n" in self.agent.log()[before:], "info again")
        self.assertEqual(self.agent.log().count("event=reloaded"), 1)

    def test_the_command_line_wins_as_at_the_start(self):
        port, directory = free_port(), self.dir + "/other"
        agent = Agent(self.dir, "--config", self.configure(), "--spool", directory, "--log-level", "info", port=port)
        self.agents.append(agent)
        self.configure(rest="log: {level: error}\ntopics: {allow: [x]}")
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=reloaded changed=topics.allow\n" in agent.log(), "the reload")

    def test_what_cannot_change_is_refused_by_name(self):
        for names, changes in (("listen.threads", {"listen": ", threads: 3"}),
                               ("spool.segment_size,spool.window,bridge.id_header",
                                {"spool": ", segment_size: 8MiB, window: 1MiB", "rest": "topics: {allow: [x]}\nbridge: {id_header: true}"})):
            line = self.reload(**changes)
            self.assertIn(f'event=reload_refused error="{names}: can\'t be changed while it runs', line)
            self.assertEqual(self.post("any"), 200)
        self.assertNotIn("hunter2", self.agent.log())

    def test_kafka_properties(self):
        """The right broker at last, and then a change under load: nothing is lost, and without need nothing repeated."""
        servers = self.start("--mock-kafka", "--spool", self.dir + "/of-the-mock").bootstrap()
        rest = "bridge: {delivery: at_least_once}"
        self.agent.stop()
        self.agent = Agent(self.dir, "--config", self.configure(rest=rest), port=self.port)
        self.agents.append(self.agent)
        self.connection.close()
        self.connection.connect()
        self.socket = self.connection.sock
        sent = [self.post("k", b"first") for _ in range(100)]
        self.assertEqual(self.agent.status()["pending"], 101)
        self.assert_reloaded("kafka.bootstrap.servers", kafka=servers, rest=rest)
        wait_until(lambda: self.agent.status()["pending"] == 0, "what was pending is delivered", 30)
        for i in range(5):
            sent += [self.post("k", b"more") for _ in range(200)]
            self.assert_reloaded("kafka.client.id", rest=rest, kafka=f"{servers}', client.id: 'c{i}")
            sent += [self.post("k", b"more") for _ in range(200)]
        wait_until(lambda: self.agent.status()["pending"] == 0, "all is delivered", 30)
        self.assertEqual(set(sent), {200})
        out = subprocess.run(["kcat", "-C", "-e", "-q", "-b", servers, "-t", "k", "-f", "%s\n"], capture_output=True, timeout=60).stdout
        self.assertEqual(len(out.splitlines()), len(sent))
        self.assertEqual(self.agent.log().count("event=producer_recreated"), 6)

    def test_a_file_with_a_mistake_is_refused_whole(self):
        self.assertRegex(self.reload(rest="topics: {allow: [x]}\nlog: {levle: debug}"), r'event=reload_refused error=".*c\.yaml:5:.*levle')
        self.assertEqual(self.post("any"), 200)
        self.assertRegex(self.reload(spool=", max_event_size: 60MiB"), r'event=reload_refused error=".*max_event_size')
        self.assertEqual(self.post("any"), 200)
        self.configure()
        self.assert_reloaded("nothing")

    def test_under_load_nothing_is_refused_or_lost(self):
        sent, failed, stop = [0, 0], [], threading.Event()

        def send(i):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            while not stop.is_set():
                try:
                    connection.request("POST", "/topics/t", b"x" * 100)
                    response = connection.getresponse()
                    response.read()
                    sent[i] += 1
                    if response.status != 200 or connection.sock is None:
                        failed.append(response.status)
                except OSError as error:
                    failed.append(error)
            connection.close()
        threads = [threading.Thread(target=send, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.reload(spool=f", max_event_size: {1000 + i}, max_queued: {40 + i}MiB, commit_timeout: {10 + i}s",
                        listen=f", max_body: {1 + i % 3}MiB, max_connections: {100 + i}", rest=f"topics: {{allow: [t, t{i}]}}")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(min(sent), 20)
        self.assertEqual(self.agent.status()["accepted"], sum(sent) + 1)

    def test_without_a_file_a_hangup_ends_it(self):
        self.agent.stop()
        agent = self.start_mock()
        self.assertEqual(agent.stop(signal.SIGHUP), 0)

    def test_every_setting_that_reloads_is_known_here(self):
        from test_cli import run
        page = run("check-config", "--print-reference").stdout.decode()
        reloading = set(re.findall(r"### `([\w.]+)`\n\n[^\n]*`reloads`", page))
        self.assertEqual(reloading, TRIED | ONLY_IN_TIME)


if __name__ == "__main__":
    unittest.main(verbosity=2)
