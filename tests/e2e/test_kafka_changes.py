# SPDX-License-Identifier: MIT
"""Kafka changes under events that flow, in both modes: a topic deleted and made again, more partitions, another cluster under the same
address and the old one back. Nothing that was accepted afterwards is missing, what is in order stays so, the books balance."""
import os
import threading
import time

from harness import Agent, Kafka, check, consume, say, temporary_directory, wait_until
from kafka_admin import add_partitions, create_topic, delete_topic

MODES = ("exactly_once", "at_least_once")
KEYS = 20


class Sender:
    """Sends small requests, one after the other, until it is told to stop: event i has the key i % KEYS. Knows when each was accepted."""

    def __init__(self, agent, topic):
        self.agent, self.topic = agent, topic
        self.accepted = []     # times; the index is the event's number
        self.stopping = False
        self.pause = threading.Lock()   # held while a topic is read: kcat goes on for as long as something comes
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            first = len(self.accepted)
            records = ",".join(f'{{"key":"k{i % KEYS}","value":{i}}}' for i in range(first, first + 10))
            with self.pause:
                code, _, body = self.agent.request("POST", f"/topics/{self.topic}", f'{{"records":[{records}]}}'.encode(),
                                                   {"Content-Type": "application/vnd.kafka.json.v2+json"})
                self.accepted += [time.time()] * 10
            check(code == 200, f"refused: {code} {body}")
            time.sleep(0.005)

    def stop(self):
        self.stopping = True
        self.thread.join()

    def until(self, count):
        wait_until(lambda: len(self.accepted) >= count, 60, f"{count} events are accepted")


def agent_of(mode, bootstrap):
    agent = Agent(temporary_directory(), bootstrap, spool_extra="  segment_size: 4MiB", extra=f"bridge:\n  delivery: {mode}\n",
                  kafka_extra="  topic.metadata.refresh.interval.ms: 1000")
    agent.start()
    return agent


def numbers(bootstrap, topic):
    """(partition, key, number) in the order of each partition."""
    rows = sorted(consume(bootstrap, topic), key=lambda row: (row[0], row[1]))
    return [(row[0], row[3].strip('"'), int(row[4])) for row in rows]


def check_order(mode, rows, label):
    """Per partition and key; repeats left out: the first of each counts with exactly_once, the last otherwise (all behind a failed
    batch is sent again, in order). Returns the numbers that are there."""
    if mode == "exactly_once":
        check(len(rows) == len({number for _, _, number in rows}), f"{label}: {len(rows) - len({n for _, _, n in rows})} came twice")
    once = list({number: row for row in reversed(rows) for number in [row[2]]}.values())[::-1]
    last = {}
    for partition, key, number in once:
        check(key == f"k{number % KEYS}", f"{label}: {number} has the key {key}")
        check(number > last.get((partition, key), -1), f"{label}: {number} came after {last.get((partition, key))} of {key} in {partition}")
        last[partition, key] = number
    return {number for _, _, number in rows}


def topic_made_again(kafka, mode):
    topic = f"again-{mode}"
    create_topic(kafka.bootstrap, topic, partitions=3)
    agent = agent_of(mode, kafka.bootstrap)
    sender = Sender(agent, topic)
    sender.until(1000)
    wait_until(lambda: agent.status()["delivered"] >= 1000, 30, "they are in Kafka")
    with sender.pause:
        before = {number for _, _, number in numbers(kafka.bootstrap, topic)}
    delete_topic(kafka.bootstrap, topic)
    time.sleep(1)              # until no broker takes anything for the old one
    gone = time.time()
    time.sleep(1)
    try:
        create_topic(kafka.bootstrap, topic, partitions=3)
    except AssertionError as error:   # the first event that came may have made it, as topics are made by themselves here
        check("exists" in str(error), f"{error}")
    sender.until(len(sender.accepted) + 1000)
    sender.stop()
    books = agent.wait_drained(90)
    check(books["lost"] == books["dead_lettered"] == 0 and books["delivered"] == len(sender.accepted), f"{mode}: {books}")
    after = check_order(mode, numbers(kafka.bootstrap, topic), f"{mode}, made again")
    late = {number for number, accepted in enumerate(sender.accepted) if accepted > gone}
    check(late <= after, f"{mode}: {len(late - after)} of {len(late)} that were accepted later are missing, e.g. {sorted(late - after)[:5]}")
    with_it = len(sender.accepted) - len(before | after)
    say(f"{mode}: a topic deleted and made again: {len(after)} events in the new one, {len(before)} seen in the old, {with_it} in Kafka and gone with it")
    agent.stop()


def more_partitions(kafka, mode):
    topic = f"wider-{mode}"
    create_topic(kafka.bootstrap, topic, partitions=2)
    agent = agent_of(mode, kafka.bootstrap)
    sender = Sender(agent, topic)
    sender.until(1000)
    wait_until(lambda: agent.status()["delivered"] >= 1000, 30, "they are in Kafka")
    add_partitions(kafka.bootstrap, topic, 8)
    time.sleep(2)              # the client looks at the topic every second here, every five minutes by itself
    sender.until(len(sender.accepted) + 1000)
    sender.stop()
    books = agent.wait_drained(60)
    check(books["lost"] == 0, f"{books}")
    rows = numbers(kafka.bootstrap, topic)
    there = check_order(mode, rows, f"{mode}, more partitions")
    check(set(range(len(sender.accepted))) <= there, f"{mode}: {len(set(range(len(sender.accepted))) - there)} are missing")
    used = {partition for partition, _, _ in rows}
    check(len(used) > 2, f"{mode}: the new ones are used: {used}")
    if mode == "exactly_once":     # what went into a key's new partition was accepted after all that is in its old one
        for key in {key for _, key, _ in rows}:
            places = sorted((min(n for p, k, n in rows if (p, k) == (partition, key)), max(n for p, k, n in rows if (p, k) == (partition, key)))
                            for partition in {p for p, k, _ in rows if k == key})
            check(len(places) <= 2 and all(a[1] < b[0] for a, b in zip(places, places[1:])), f"{key}: {places}")
    say(f"{mode}: more partitions: {len(there)} events, {len(used)} partitions used, in order in each")
    agent.stop()


class Traveller:
    """An agent with its sender while the clusters change."""

    def __init__(self, mode, bootstrap):
        self.mode, self.topic = mode, f"cluster-{mode}"
        self.agent = agent_of(mode, bootstrap)
        self.sender = Sender(self.agent, self.topic)

    def more(self, count):
        self.sender.until(len(self.sender.accepted) + count)

    def wait_until_delivered(self):
        count = len(self.sender.accepted)
        end = time.time() + 60
        while self.agent.status()["delivered"] < count:
            check(time.time() < end, f"{self.mode}: it goes on with the other cluster: {self.agent.status()}\n{self.agent.log_tail(60)}")
            time.sleep(0.1)

    def finish(self):
        self.sender.stop()
        books = self.agent.wait_drained(60)
        check(books["lost"] == books["dead_lettered"] == 0 and books["delivered"] == len(self.sender.accepted), f"{self.mode}: {books}")
        log = self.agent.log_text()
        check("event=cursor_not_believed" not in log, "nobody has to do anything")
        check(self.mode == "at_least_once" or "event=cursor_missing" in log, f"that the cursor is gone is said:\n{self.agent.log_tail()}")
        self.agent.stop()


def another_cluster():
    """The brokers' disks are gone: the same address leads to another cluster; then the old one comes back."""
    old, new = Kafka(), Kafka()
    new.port, new.bootstrap = old.port, old.bootstrap
    old.start()
    travellers = [Traveller(mode, old.bootstrap) for mode in MODES]
    for kafka, other in ((old, new), (new, old)):
        for traveller in travellers:
            traveller.more(500)
            traveller.wait_until_delivered()
            traveller.more(100)
        kafka.kill()
        for traveller in travellers:
            traveller.more(300)                  # taken while there is none
        other.start()
        for traveller in travellers:
            traveller.wait_until_delivered()
    for traveller in travellers:
        traveller.finish()
    in_old = [numbers(old.bootstrap, traveller.topic) for traveller in travellers]
    old.kill()
    new.start()
    for traveller, rows in zip(travellers, in_old):
        end = time.time() + 30     # what was committed right before the kill is seen once the coordinator has ended it
        missing = None
        while missing is None or (missing and time.time() < end):
            in_new = numbers(new.bootstrap, traveller.topic)
            there = {number for _, _, number in rows + in_new}
            missing = set(range(len(traveller.sender.accepted))) - there
        repeats = len(rows) + len(in_new) - len(there)
        check(not missing, f"{traveller.mode}: {len(missing)} are in neither cluster, e.g. {sorted(missing)[:5]}")
        check(rows and in_new, f"{traveller.mode}: {len(rows)} in the old, {len(in_new)} in the new")
        say(f"{traveller.mode}: another cluster and back: {len(rows)} events in the old one, {len(in_new)} in the new, {repeats} in both or twice")
    new.kill()


another_cluster()
broker = Kafka()
broker.start()
for delivery in MODES:
    topic_made_again(broker, delivery)
    more_partitions(broker, delivery)
broker.kill()
