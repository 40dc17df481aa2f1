# SPDX-License-Identifier: MIT
"""kill -9 of the agent in the middle of its transactions: a read_committed consumer sees each event once, in order per key.

3 topics of 4 partitions. The agent is killed at random moments of delivery, some within milliseconds of its start; a third of
the kills fall while a backlog drains at full speed. More of it: --events 200000 --kills 40 --broker-kills 4 --rounds 3; the same again: --seed N.
"""
import argparse
import os
import random
import time

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory, wait_until

TOPICS = ["red", "green", "blue"]

parser = argparse.ArgumentParser()
parser.add_argument("--events", type=int, default=30000)
parser.add_argument("--kills", type=int, default=14)
parser.add_argument("--broker-kills", type=int, default=0)
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--seed", type=int, default=int(os.environ.get("PENSTOCK_SEED", random.randrange(1 << 30))))
parser.add_argument("--delivery", default="exactly_once")
options = parser.parse_args()


def kill_somewhere(agent, dice, kill, loader):
    """SIGKILL at a random moment after the agent has begun to deliver, every fifth time while it starts. True: it was delivering."""
    if kill % 5 == 4:
        time.sleep(dice.random() * 0.15)
        agent.kill()
        return False

    def delivers():
        status = agent.status()
        return status and (status["bridge"]["produced"] > 0 or (loader.poll() is not None and status["pending"] == 0)) and status
    delivering = wait_until(delivers, 60, "events go out", every=0.002)["bridge"]["produced"] > 0
    time.sleep(dice.random() * (0.4 if kill % 2 else 0.1))
    agent.kill()
    return delivering


def of_topic(record, topic):
    part = Record(os.devnull, "")
    part.acknowledged = {name: what for name, what in record.acknowledged.items() if what[0] == topic}
    part.unknown = {name: what for name, what in record.unknown.items() if what[0] == topic}
    return part


def storm(number, dice):
    kafka = Kafka()
    kafka.start()
    agent = Agent(temporary_directory(), kafka.bootstrap, spool_extra="  segment_size: 4MiB",
                  extra=f"bridge:\n  delivery: {options.delivery}\n")
    agent.start()
    record_path = os.path.join(agent.directory, "record")
    connections, keys = 20, 50
    half, delivering = options.events // 2, 0
    # The first half slowly, so that it is delivered as it comes; the second at once, as a backlog.
    slow = load(agent, connections=connections, keys=keys, topics=",".join(TOPICS), sender="slow", record=record_path, count=half,
                rate=half / (options.kills * 1.2), seconds=600, size=150)
    for kill in range(options.kills * 2 // 3):
        delivering += kill_somewhere(agent, dice, kill, slow)
        if options.broker_kills and kill % (options.kills // options.broker_kills) == 1:
            kafka.kill()
            kafka.start()
        agent.start(wait=False)
    agent.wait_ready(20)
    load_result(slow, timeout=120)
    fast_path = os.path.join(agent.directory, "record2")
    kills_left = options.kills - options.kills * 2 // 3
    fast = load(agent, connections=connections, keys=keys, topics=",".join(TOPICS), sender="fast", record=fast_path, count=half,
                seconds=600, size=150)
    for kill in range(kills_left):
        delivering += kill_somewhere(agent, dice, kill, fast)
        agent.start(wait=False)
    agent.wait_ready(20)
    load_result(fast, timeout=120)
    books = agent.wait_drained(90)
    agent.stop()
    check(books["lost"] == 0, f"books: {books}")

    rows = {topic: consume(kafka.bootstrap, topic) for topic in TOPICS}
    aborted = sum(len(consume(kafka.bootstrap, topic, isolation="read_uncommitted")) - len(rows[topic]) for topic in TOPICS)
    repeats_total = acknowledged = 0
    for sender, path in (("slow", record_path), ("fast", fast_path)):
        record = Record(path, sender)
        acknowledged += len(record.acknowledged)
        for topic in TOPICS:
            repeats_total += check_delivery([row for row in rows[topic] if row[4].startswith(sender)], of_topic(record, topic), f"{sender} {topic}")[0]
    rows_total = sum(len(rows[topic]) for topic in TOPICS)
    check(acknowledged >= options.events * 0.9, f"too few acknowledged events: {acknowledged}")
    check(all(len({row[0] for row in rows[topic]}) == 4 for topic in TOPICS), "not all partitions were used")
    with open(agent.log_path) as f:
        log = f.read()
    ahead = log.count("event=cursor_read kafka=found")
    say(f"round {number}: {options.kills} kills, {delivering} of them while delivering, {rows_total} events, 0 lost, {repeats_total} repeated, 0 out of order; "
        f"{aborted} aborted copies, {ahead} starts from Kafka's cursor")
    check(delivering >= options.kills // 2, f"only {delivering} kills while events went out: the test meant little")
    check(options.delivery != "exactly_once" or repeats_total == 0, f"{repeats_total} events arrived twice")
    check(options.delivery != "exactly_once" or "cursor_missing" not in log and "cursor_not_believed" not in log, "the cursor was always there")
    check(books["delivered"] == rows_total - repeats_total, f"the books say {books['delivered']}, Kafka has {rows_total - repeats_total}")
    kafka.kill()
    return aborted


say(f"seed {options.seed} (--seed {options.seed} repeats it)")
aborted = sum(storm(number, random.Random(options.seed + number)) for number in range(options.rounds))
check(options.delivery != "exactly_once" or aborted > 0, "no kill fell into a transaction: the test meant nothing")
