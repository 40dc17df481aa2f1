# SPDX-License-Identifier: MIT
"""kill -9 of the agent in the middle of its transactions, and of the broker: a read_committed consumer sees each event once, in
order per key.

3 topics of 4 partitions, 1000 keys. The agent is killed while it delivers, within milliseconds of its start, while it ends after a
SIGTERM, and right when a segment follows another; the last kills fall while a backlog drains at full speed. With --delivery
at_least_once repeats are allowed, and counted. The same again: --seed N; more of it: --rounds N.
"""
import argparse
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory, wait_until

TOPICS = ["red", "green", "blue"]


def from_environment(name, default):
    return int(os.environ.get(name, default))


parser = argparse.ArgumentParser()
parser.add_argument("--events", type=int, default=from_environment("PENSTOCK_STORM_EVENTS", 200000))
parser.add_argument("--kills", type=int, default=from_environment("PENSTOCK_STORM_KILLS", 42))
parser.add_argument("--broker-kills", type=int, default=from_environment("PENSTOCK_STORM_BROKER_KILLS", 4))
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--seed", type=int, default=from_environment("PENSTOCK_SEED", random.randrange(1 << 30)))
parser.add_argument("--delivery", default="exactly_once")
options = parser.parse_args()


# ---- ways to die: each returns whether it has hit what it was meant to ----------------------------------------------------

def while_delivering(agent, dice, loader):
    def delivers():
        status = agent.status()
        return status and (status["bridge"]["produced"] > 0 or (loader.poll() is not None and status["pending"] == 0)) and status
    delivering = wait_until(delivers, 60, "events go out", every=0.002)["bridge"]["produced"] > 0
    time.sleep(dice.random() * dice.choice((0.05, 0.1, 0.4)))
    agent.kill()
    return delivering


def while_starting(agent, dice, loader):
    time.sleep(dice.random() * 0.15)
    agent.kill()
    return True


def while_ending(agent, dice, loader):
    """It has got a SIGTERM, and commits and flushes what it has."""
    wait_until(lambda: agent.get("/readyz")[0] == 200, 20, "it is ready", every=0.005)
    time.sleep(dice.random() * 0.6)
    agent.process.terminate()
    time.sleep(dice.random() * 0.03)
    in_time = agent.process.poll() is None
    agent.kill()
    return in_time


def while_rotating(agent, dice, loader):
    """Right after another segment has become the live one."""
    def live():
        status = agent.status()
        return status and status["spool"]["live_segment"]
    first = wait_until(live, 20, "it is up", every=0.002)
    end = time.time() + 2
    while time.time() < end and loader.poll() is None and live() in (first, None):
        pass
    rotated = live() not in (first, None)
    time.sleep(dice.random() * 0.01)
    agent.kill()
    return rotated


class Storm:
    def __init__(self, dice):
        self.dice = dice
        self.kafka = Kafka()
        self.kafka.start()
        self.agent = Agent(temporary_directory(), self.kafka.bootstrap, spool_extra="  segment_size: 4MiB",
                           extra=f"bridge:\n  delivery: {options.delivery}\n")
        self.agent.start()
        self.kills = self.broker_kills = 0
        self.hits = Counter()
        self.records = {}

    def load(self, sender, count, **more):
        self.records[sender] = os.path.join(self.agent.directory, sender)
        return load(self.agent, connections=20, keys=50, topics=",".join(TOPICS), sender=sender, record=self.records[sender], count=count,
                    seconds=600, **more)

    def kill_broker(self):
        """Every other time under an agent that runs."""
        self.broker_kills += 1
        if self.broker_kills % 2:
            self.agent.start(wait=False)
            time.sleep(1 + self.dice.random())
            self.kafka.kill()
            self.kafka.start()
        else:
            self.kafka.kill()
            self.kafka.start()
            self.agent.start(wait=False)

    def kill(self, ways, loader, count):
        for i in range(count):
            way = ways[i % len(ways)]
            self.hits[way.__name__] += way(self.agent, self.dice, loader)
            self.kills += 1
            if self.broker_kills < options.broker_kills and self.kills * (options.broker_kills + 1) > options.kills * (self.broker_kills + 1):
                self.kill_broker()
            else:
                self.agent.start(wait=False)

    def run(self):
        """Half of the events slowly, so that they are delivered as they come; then large ones, so that segments follow each other;
        the rest at once, as a backlog."""
        slow, large = options.events // 2, options.events // 5
        kills = options.kills
        loader = self.load("slow", slow, rate=slow / (kills * 0.9), size=150)
        self.kill((while_delivering, while_ending, while_delivering, while_starting), loader, kills // 2)
        self.agent.wait_ready(20)
        load_result(loader, timeout=120)
        loader = self.load("large", large, rate=large / (kills * 0.25), size=1500)
        self.kill((while_rotating, while_rotating, while_delivering), loader, kills // 4)
        self.agent.wait_ready(20)
        load_result(loader, timeout=120)
        loader = self.load("fast", options.events - slow - large, size=150)
        self.kill((while_delivering, while_delivering, while_starting), loader, kills - kills // 2 - kills // 4)
        self.agent.wait_ready(20)
        load_result(loader, timeout=120)
        books = self.agent.wait_drained(90)
        self.agent.stop()
        check(books["lost"] == 0, f"books: {books}")
        return books


def of_topic(record, topic):
    part = Record(os.devnull, "")
    part.acknowledged = {name: what for name, what in record.acknowledged.items() if what[0] == topic}
    part.unknown = {name: what for name, what in record.unknown.items() if what[0] == topic}
    return part


def storm(number, dice):
    storm = Storm(dice)
    books = storm.run()
    say("sent and drained")
    with ThreadPoolExecutor() as pool:
        bootstrap = storm.kafka.bootstrap
        committed = [pool.submit(consume, bootstrap, topic) for topic in TOPICS]
        everything = [pool.submit(consume, bootstrap, topic, form="%p\n", isolation="read_uncommitted") for topic in TOPICS]
        rows = dict(zip(TOPICS, (future.result() for future in committed)))
        aborted = sum(len(future.result()) for future in everything) - sum(len(of) for of in rows.values())
    repeats_total = acknowledged = 0
    for sender, path in storm.records.items():
        record = Record(path, sender)
        acknowledged += len(record.acknowledged)
        for topic in TOPICS:
            repeats_total += check_delivery([row for row in rows[topic] if row[4].startswith(sender)], of_topic(record, topic), f"{sender} {topic}")[0]
    rows_total = sum(len(rows[topic]) for topic in TOPICS)
    check(acknowledged >= options.events * 0.9, f"too few acknowledged events: {acknowledged}")
    check(all(len({row[0] for row in rows[topic]}) == 4 for topic in TOPICS), "not all partitions were used")
    keys = len({row[3] for topic in TOPICS for row in rows[topic]})
    log = storm.agent.log_text()
    ahead = log.count("event=cursor_read kafka=found")
    say(f"round {number}: {storm.kills} kills of the agent ({', '.join(f'{n} {way}' for way, n in storm.hits.items())}), {storm.broker_kills} of the broker, "
        f"{rows_total - repeats_total} events with {keys} keys, 0 lost, {repeats_total} repeated, 0 out of order; {aborted} aborted copies, {ahead} starts from Kafka's cursor")
    check(storm.kills == options.kills and storm.broker_kills == options.broker_kills, "as many as were asked for")
    check(storm.hits["while_delivering"] >= options.kills // 4, "too few kills while events went out: the test meant little")
    check(options.kills < 20 or min(storm.hits.values()) >= 2, "a kind of kill has never hit: the test meant little")
    check(options.delivery != "exactly_once" or repeats_total == 0, f"{repeats_total} events arrived twice")
    check(options.delivery != "exactly_once" or "cursor_missing" not in log and "cursor_not_believed" not in log, "the cursor was always there")
    check(books["delivered"] == rows_total - repeats_total, f"the books say {books['delivered']}, Kafka has {rows_total - repeats_total}")
    storm.kafka.kill()
    return aborted


say(f"seed {options.seed} (--seed {options.seed} repeats it)")
aborted = sum(storm(number, random.Random(options.seed + number)) for number in range(options.rounds))
check(options.delivery != "exactly_once" or aborted > 0, "no kill fell into a transaction: the test meant nothing")
