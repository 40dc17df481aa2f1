# SPDX-License-Identifier: MIT
"""kill -9 of the agent under load: nothing that was acknowledged may be missing in Kafka.

16 connections post one event a request while the agent is killed at random moments, some of them within milliseconds of its
start. An independent consumer then compares the topic with the sender's own record. At-least-once: repeats are counted, not wrong.
More rounds: PENSTOCK_KILLS=200; the same again: PENSTOCK_SEED=...
"""
import os
import time

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, seed_from_environment, \
    temporary_directory, wait_until

KILLS = int(os.environ.get("PENSTOCK_KILLS", "30"))
KILLS_DURING_START = max(5, KILLS // 6)
ACKNOWLEDGED_PER_KILL = 500

random = seed_from_environment()
directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("orders")
agent = Agent(directory, kafka.bootstrap, spool_extra="  segment_size: 4MiB", extra="bridge:\n  delivery: at_least_once\n")
agent.start()

record_path = os.path.join(directory, "record")
loader = load(agent, connections=16, keys=10, topics=topic, seconds=1800, sender="s", record=record_path, size=300)
started_early = 0
acknowledged = 0
for kill in range(KILLS):
    target = acknowledged + ACKNOWLEDGED_PER_KILL

    def accepted_enough():
        status = agent.status()
        return status and status["spool"]["commits"] and status["accepted"] >= target and status
    status = wait_until(accepted_enough, 60, f"{ACKNOWLEDGED_PER_KILL} more events are accepted")
    time.sleep(random.random() * (1.5 if kill % 3 == 0 else 0.2))   # the longer ones let cursors pass and segments retire
    acknowledged = status["accepted"]
    agent.kill()
    if started_early < KILLS_DURING_START:
        agent.start(wait=False)                  # and killed again while it starts
        time.sleep(random.random() * 0.03)
        agent.kill()
        started_early += 1
    agent.start()
    if (kill + 1) % 5 == 0:
        say(f"{kill + 1} kills under load, {started_early} during start, {acknowledged} accepted")

loader.terminate()
loader.wait()
say("load ended; draining")
books = agent.wait_drained(60)
agent.stop()

record = Record(record_path, "s")
rows = consume(kafka.bootstrap, topic)
repeats, distinct = check_delivery(rows, record, "kill9")
check(len({key for _, key in record.acknowledged.values()}) >= 100, "too few keys to mean anything")
check(len(record.acknowledged) >= KILLS * ACKNOWLEDGED_PER_KILL, "too few acknowledged events to mean anything")
check(books["accepted"] == distinct, f"the books say {books['accepted']} accepted, the topic has {distinct}")
check(books["lost"] == 0, f"the books say {books['lost']} lost")
say(f"{KILLS} kills under load + {started_early} during start: {len(record.acknowledged)} acknowledged, 0 missing, "
    f"{len(record.unknown)} unanswered, {repeats} repeats")
