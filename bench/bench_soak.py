# SPDX-License-Identifier: MIT
"""Faults of all kinds at random, for ten minutes, under a steady load. The first half is everything: the agent killed and restarted, its disk
failing, its old segments damaged. The second is one life of the agent with all that it has to live through: brokers stopped and killed, topics
denied, deleted and made again, settings reloaded. Its memory and descriptors are drawn, and must be flat at the end; then everything is mended,
the books balance, and what was acknowledged is in Kafka once or named in a loss report."""
import collections
import os
import random
import signal
import statistics
import threading
import time

from harness import Agent, FaultyDisk, Kafka, Record, check, consume, event_name, load, say, temporary_directory, wait_until
from kafka_admin import create_topic, delete_topic, grant
from losses import listed, log_path, reports, segments
from support import row

SECONDS = int(os.environ.get("PENSTOCK_BENCH_SOAK", "600"))
PLAIN, VICTIM, GATES = ["soak-a", "soak-b", "soak-c"], "soak-victim", [f"soak-gate{i}" for i in range(12)]
OPEN = """authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""
DISK_FAULTS = ["sync 1", "sync 3", "write 1", "write 4", "short 1", "open 2", "mkdir 2", "rename 2"]


class Soak:
    def __init__(self):
        seed = int(os.environ.get("PENSTOCK_SEED", random.randrange(1 << 30)))
        say(f"seed {seed} (PENSTOCK_SEED={seed} makes the same faults)")
        self.dice = random.Random(seed)
        os.environ["KAFKA_PROPS"] = OPEN
        self.kafka = Kafka()
        self.kafka.start()
        for topic in PLAIN + GATES:
            create_topic(self.kafka.bootstrap, topic)
        self.agent = Agent(temporary_directory(), self.kafka.bootstrap, spool_extra="  segment_size: 4MiB", extra="bridge:\n  backoff_max: 2s\n")
        with open(self.agent.config) as f:
            self.settings = f.read()
        self.disk = FaultyDisk(self.agent)
        self.faulty, self.agent.environment = self.agent.environment, None
        self.spool = os.path.join(self.agent.directory, "spool")
        self.gates, self.denied = list(GATES), []
        self.counts = collections.Counter()
        self.agent.start()

    def pause(self, least, most):
        time.sleep(least + self.dice.random() * (most - least))

    # ---- what ends the agent -----------------------------------------------------------------------------------------

    def killed(self):
        self.agent.kill()
        self.agent.start()

    def killed_while_it_starts(self):
        self.agent.kill()
        self.agent.start(wait=False)
        self.pause(0, 0.1)
        self.agent.kill()
        self.agent.start()

    def restarted(self):
        self.agent.stop(30)
        self.agent.start()

    def disk_fails(self):
        self.agent.kill()
        self.agent.environment = self.faulty
        self.agent.start()
        for _ in range(4):
            self.disk.tell(self.dice.choice(DISK_FAULTS))
            self.pause(0.5, 1.5)
        self.disk.tell("hang 1")
        self.pause(0.5, 2)
        self.disk.tell("hang 0")
        wait_until(lambda: self.agent.get("/readyz")[0] == 200, 30, "events are taken again")
        self.agent.kill()
        self.agent.environment = None
        self.agent.start()

    def damaged(self):
        """Some bytes somewhere in the logs that a killed agent leaves, with events in them that Kafka hasn't got."""
        self.kafka.stop()
        self.pause(3, 6)
        self.agent.kill()
        for segment in segments(self.spool)[-2:]:
            size = os.path.getsize(log_path(self.spool, segment))
            with open(log_path(self.spool, segment), "r+b") as f:
                for _ in range(3 if size > 5000 else 0):
                    at = self.dice.randrange(1000, size - 1000)
                    f.seek(at)
                    byte = f.read(1)
                    f.seek(at)
                    f.write(bytes([byte[0] ^ 1 << self.dice.randrange(8)]))
        self.agent.start()
        self.kafka.start()

    # ---- what it lives through ---------------------------------------------------------------------------------------

    def broker_stopped(self):
        self.kafka.stop()
        self.pause(0.5, 6)
        self.kafka.start()

    def broker_killed(self):
        self.kafka.kill()
        self.pause(0.5, 3)
        self.kafka.start()

    def topic_deleted(self):
        delete_topic(self.kafka.bootstrap, VICTIM)
        self.pause(0.5, 3)   # the next event makes it again

    def topic_denied(self):
        if self.gates:
            self.denied.append(self.gates.pop())
            grant(self.kafka.port, "User:somebody", "topic", self.denied[-1], "Write")
            self.pause(1, 4)

    def topics_allowed(self):
        while self.denied:
            grant(self.kafka.port, "User:ANONYMOUS", "topic", self.denied.pop(), "Write", "Read", "Describe")

    def reloaded(self):
        with open(self.agent.config, "w") as f:
            f.write(self.settings.replace("\nkafka:\n", f"\nkafka:\n  linger.ms: {self.dice.randrange(1, 20)}\n"))
            f.write(f"log: {{level: {self.dice.choice(['info', 'warn'])}}}\n")
        self.agent.process.send_signal(signal.SIGHUP)

    ENDING = (killed, killed_while_it_starts, restarted, disk_fails, damaged)
    LIVED_THROUGH = (broker_stopped, broker_killed, topic_deleted, topic_denied, topics_allowed, reloaded)

    def run(self, faults, seconds):
        """Each once in random order, then again in another."""
        end = time.monotonic() + seconds
        while True:
            for fault in self.dice.sample(faults, len(faults)):
                if time.monotonic() >= end:
                    return
                self.counts[fault.__name__] += 1
                fault(self)
                self.pause(0.2, 2)

    # ---- the end -----------------------------------------------------------------------------------------------------

    def mend(self):
        self.topics_allowed()
        books = self.agent.wait_drained(180)
        check(books["pending"] == 0, f"everything is delivered: {books}")
        return books

    def missing(self, path):
        """Acknowledged events that are neither in Kafka nor named by a report, and what is there twice. The topic that was deleted had its own."""
        record, seen = Record(path, "soak"), collections.Counter()
        for topic in PLAIN + GATES:
            seen.update(event_name(row[0]) for row in consume(self.kafka.bootstrap, topic, "%s\n", timeout=300))
        named = set()
        for report in reports(self.spool):
            named |= {record.names.get(id) for what in ("lost", "uncertain") for id in listed(report, what)}
        absent = [name for name, what in record.acknowledged.items() if what[0] != VICTIM and name not in seen]
        say(f"{len(record.acknowledged):,} acknowledged, {len(absent)} of them not in Kafka, {len(named)} named by {len(reports(self.spool))} loss reports")
        return [name for name in absent if name not in named], [name for name, count in seen.items() if count > 1]


class Curves(threading.Thread):
    """Of one life: resident MiB and open descriptors, twice a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.memory, self.descriptors, self.ended = pid, [], [], threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.5):
            with open(f"/proc/{self.pid}/statm") as f:
                self.memory.append(int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
            self.descriptors.append(len(os.listdir(f"/proc/{self.pid}/fd")))

    def stop(self):
        self.ended.set()
        self.join()

    @staticmethod
    def draw(name, values, unit):
        points = [max(values[i * len(values) // 24:(i + 1) * len(values) // 24] or [0]) for i in range(24)]
        say(f"{name}, {unit}: " + " ".join(f"{point:.0f}" for point in points))

    @staticmethod
    def quarters(values):
        """Medians of the second and of the last."""
        n = len(values) // 4
        return statistics.median(values[n:2 * n]), statistics.median(values[-n:])


def bench_soak():
    soak = Soak()
    path = os.path.join(soak.agent.directory, "record")
    loader = load(soak.agent, connections=8, events=5, size=200, keys=20, rate=200, topics=",".join(PLAIN + [VICTIM] + GATES), sender="soak",
                  record=path, seconds=SECONDS * 10 + 600)
    soak.run(soak.ENDING + soak.LIVED_THROUGH, SECONDS / 2)
    say(f"half: {dict(soak.counts)}")
    soak.topics_allowed()
    curves = Curves(soak.agent.process.pid)
    soak.run(soak.LIVED_THROUGH, SECONDS / 2)
    loader.terminate()
    loader.wait()
    books = soak.mend()
    curves.stop()
    check(soak.agent.alive(), "the agent lives")
    say(f"{sum(soak.counts.values())} faults: {dict(soak.counts)}")
    curves.draw("memory", curves.memory, "MiB")
    curves.draw("descriptors", curves.descriptors, "open")
    missing, twice = soak.missing(path)
    for what, values, unit in (("memory", curves.memory, "MiB"), ("descriptors", curves.descriptors, "open")):
        before, after = curves.quarters(values)
        row(f"soak {SECONDS} s, {what}: last ÷ second quarter of a life", after, before, after / before, 1.25, at_least=False, unit=unit)
    peak = soak.agent.rss_peak_mib()
    row("  peak memory", peak, None, peak, 192, at_least=False, unit="MiB")
    row("  acknowledged, neither in Kafka nor in a loss report", len(missing), None, len(missing), 0, at_least=False, unit="events")
    row("  in Kafka twice", len(twice), None, len(twice), 0, at_least=False, unit="events")
    say(f"books: {({name: books[name] for name in ('accepted', 'delivered', 'pending', 'dead_lettered', 'lost')})}; missing {missing[:5]}, twice {twice[:5]}")
    soak.agent.stop()
    soak.kafka.stop()
