# SPDX-License-Identifier: MIT
"""A scene for the test and the benchmark of isolation: a Kafka of two brokers and ten topics, of which one is denied (an ACL for
somebody else), one is missing (nothing makes topics by themselves), and one has a partition whose only replica is on a broker
that is down. mend() puts an end to all of it."""
import os
import re
import time

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory, wait_until
from kafka_admin import create_topic, grant

GOOD = [f"good{i}" for i in range(1, 8)]
BAD = ["denied", "missing", "leaderless"]
OPEN = """auto.create.topics.enable=false
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""


class Scene:
    def __init__(self, delivery):
        self.kafka, self.second = Kafka(), Kafka()
        os.environ["KAFKA_PROPS"] = OPEN
        self.kafka.start()
        self.second_properties = OPEN + f"""process.roles=broker
node.id=2
controller.quorum.voters=1@127.0.0.1:{self.kafka.port + 1}
listeners=PLAINTEXT://127.0.0.1:{self.second.port}
"""
        for topic in GOOD + ["denied"]:
            create_topic(self.kafka.bootstrap, topic)
        grant(self.kafka.port, "User:somebody", "topic", "denied", "Write")
        self.agent = Agent(temporary_directory(), self.kafka.bootstrap, spool_extra="  max_size: 40GiB",
                           extra=f"bridge:\n  delivery: {delivery}\n  backoff_max: 2s\n")
        self.agent.start()
        check(self.agent.post(GOOD[0], b"first")[0] == 200, "taken")
        self.agent.wait_drained(60)   # Kafka's own topics, and the cursors', are on the first broker now
        self.start_second()
        create_topic(self.kafka.bootstrap, "leaderless", brokers=[1, 2])
        self.second.kill()
        self.records = []

    def start_second(self):
        os.environ["KAFKA_PROPS"] = self.second_properties
        with open(os.path.join(self.kafka.directory, "data", "meta.properties")) as f:
            self.second.settings["KAFKA_CLUSTER_ID"] = re.search("cluster.id=(.*)", f.read()).group(1)
        self.second.start()

    def delivered(self, topics=GOOD):
        of = self.agent.status()["topics"]
        return sum(of.get(topic, {}).get("delivered", 0) for topic in topics)

    def run(self, sender, topics, **how):
        """A load under way; its record is checked at the end."""
        path = os.path.join(self.agent.directory, "record-" + sender)
        self.records.append((sender, path))
        return load(self.agent, keys=10, topics=",".join(topics), sender=sender, record=path, **how)

    def rate(self, seconds):
        before, start = self.delivered(), time.monotonic()
        time.sleep(seconds)
        return (self.delivered() - before) / (time.monotonic() - start)

    def measure(self, seconds, limit=None):
        """Events a second of the good topics at half of what goes at most (or of a limit): alone, and beside the bad ones."""
        full = self.run("f", GOOD, connections=8, events=20, size=150, seconds=seconds + 2, **({"rate": limit / 20} if limit else {}))
        wait_until(lambda: self.delivered() > 2000, 30, "the load flows")
        most = self.rate(seconds)
        load_result(full)
        self.agent.wait_drained(120)
        half = self.run("h", GOOD, connections=8, events=20, size=150, seconds=2 * seconds + 14, rate=max(most / 2 / 20, 1))
        time.sleep(2)
        alone = self.rate(seconds)
        bad = self.run("b", BAD, connections=3, events=1, size=150, seconds=seconds + 8, rate=100)
        time.sleep(8)   # until the cursors no longer wait for the topics, or a transaction was held up once
        beside = self.rate(seconds)
        load_result(bad)
        load_result(half)
        say(f"at most {most:.0f} events/s; at half of it alone {alone:.0f}, beside topics in trouble {beside:.0f}: {beside / alone:.2f}")
        return alone, beside

    def mend(self):
        """All of it; then everything arrives by itself."""
        create_topic(self.kafka.bootstrap, "missing", brokers=[1, 1])
        grant(self.kafka.port, "User:ANONYMOUS", "topic", "denied", "Write", "Read", "Describe")
        self.start_second()
        self.agent.wait_drained(90)

    def check_all(self, repeats_allowed):
        """Nothing is missing, each key in order; returns the repeats."""
        repeats = 0
        arrived = {topic: consume(self.kafka.bootstrap, topic) for topic in GOOD + BAD}
        for sender, path in self.records:
            whole = Record(path, sender)
            for topic in GOOD + BAD:
                part = Record(os.devnull, "")
                part.acknowledged = {name: what for name, what in whole.acknowledged.items() if what[0] == topic}
                part.unknown = {name: what for name, what in whole.unknown.items() if what[0] == topic}
                rows = [row for row in arrived[topic] if row[4].startswith(sender + "-")]
                repeats += check_delivery(rows, part, f"{topic} of {sender}")[0]
        check(repeats_allowed or repeats == 0, f"{repeats} events arrived twice")
        return repeats

    def end(self):
        self.agent.stop()
        self.second.kill()
        self.kafka.kill()
