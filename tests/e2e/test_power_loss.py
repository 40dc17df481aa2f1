# SPDX-License-Identifier: MIT
"""Power cuts under load: what was not synced is gone, and still nothing that was acknowledged is missing.

Like test_kill9, but kill -9 leaves the page cache alone and so proves nothing about syncs. Here a preloaded library remembers what
was synced and takes everything else away at the cut: file ends, overwritten bytes, new names, renames (tests/support/preload_disk.c).
"""
import os
import time

from harness import Agent, FaultyDisk, Kafka, Record, check, check_delivery, consume, load, say, seed_from_environment, \
    temporary_directory, wait_until

CUTS = int(os.environ.get("PENSTOCK_CUTS", "15"))

random = seed_from_environment()
directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("power")
agent = Agent(directory, kafka.bootstrap, spool_extra="  segment_size: 4MiB\n  max_event_size: 100000")
disk = FaultyDisk(agent)
agent.start()

record_path = os.path.join(directory, "record")
loader = load(agent, connections=16, keys=10, topics=topic, seconds=1800, sender="p", record=record_path, size=1500)
accepted = 0
for cut in range(CUTS):
    def accepted_more():
        status = agent.status()
        return status and status["accepted"] > accepted + 500 and status
    accepted = wait_until(accepted_more, 60, "500 more events are accepted")["accepted"]
    time.sleep(random.random() * (1.5 if cut % 3 == 0 else 0.2))   # the longer ones let cursors pass and segments retire
    disk.cut_power()
    if cut % 4 == 1:
        agent.start(wait=False)                                   # and again while it starts
        time.sleep(random.random() * 0.03)
        disk.cut_power()
    agent.start()
say(f"{CUTS} power cuts under load")

loader.terminate()
loader.wait()
books = agent.wait_drained(int(os.environ.get("PENSTOCK_DRAIN_S", 60)))
agent.stop()
record = Record(record_path, "p")
repeats, distinct = check_delivery(consume(kafka.bootstrap, topic), record, "power loss")
check(len(record.acknowledged) >= CUTS * 300, "too few acknowledged events to mean anything")
check(books["accepted"] >= len(record.acknowledged) and books["accepted"] == distinct,
      f"the books say {books['accepted']} accepted, the topic has {distinct}, {len(record.acknowledged)} were acknowledged")
check(books["lost"] == 0, f"the books say {books['lost']} lost")
say(f"{len(record.acknowledged)} acknowledged, 0 missing, {len(record.unknown)} unanswered, {repeats} repeats")
