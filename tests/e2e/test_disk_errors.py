# SPDX-License-Identifier: MIT
"""Disk errors under load: a failed sync, a full disk, a short write. The segment ends, ingest goes on or refuses honestly, comes back by
itself, and after a power cut nothing that was acknowledged is missing (bytes of a failed sync never reach the disk)."""
import os
import time

from harness import Agent, FaultyDisk, Kafka, Record, check, check_delivery, consume, load, say, seed_from_environment, \
    temporary_directory, wait_until

random = seed_from_environment()
directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("errors")
agent = Agent(directory, kafka.bootstrap, spool_extra="  segment_size: 4MiB")
disk = FaultyDisk(agent)
agent.start()
record_path = os.path.join(directory, "record")
loader = load(agent, connections=16, keys=10, topics=topic, seconds=1800, sender="d", record=record_path, size=500, rate=3000)


def accepted_more(than):
    return (agent.status() or {}).get("accepted", 0) > than


def spool_status():
    return agent.status()["spool"]


for turn, command in enumerate(("sync 1", "short 1", "write 1", "sync 2", "short 3", "sync 1", "write 2")):
    accepted, abandoned = agent.status()["accepted"], spool_status()["segments_abandoned"]
    disk.tell(command)
    wait_until(lambda: spool_status()["segments_abandoned"] > abandoned, 10, f"a segment ends because of '{command}'")
    wait_until(lambda: accepted_more(accepted + 300), 10, f"events are accepted after '{command}'")
    if turn % 2 == 0:
        time.sleep(random.random() * 0.3)
        disk.cut_power()
        agent.start()
say("single errors: each ended a segment, and ingest went on")

say("the disk fails for good: refused, and the process stays")
disk.tell("sync 1000000000")
wait_until(lambda: agent.get("/readyz")[0] == 503, 20, "the agent is not ready")
code, headers, body = agent.post(topic, b"refused")
check(code == 503 and headers.get("Retry-After"), f"an event while the disk fails: {code} {headers} {body}")
accepted = agent.status()["accepted"]
time.sleep(1)
check(agent.alive() and agent.status()["accepted"] == accepted, "nothing is accepted while every sync fails")
disk.tell("sync 0")
wait_until(lambda: accepted_more(accepted + 300), 30, "the disk works again, and events are accepted")
disk.cut_power()
agent.start()

loader.terminate()
loader.wait()
books = agent.wait_drained(60)
agent.stop()
record = Record(record_path, "d")
rows = [row for row in consume(kafka.bootstrap, topic) if row[4] != "refused"]   # refused with "unknown": may have come back
repeats, distinct = check_delivery(rows, record, "disk errors")
check(len(record.acknowledged) >= 2000, "too few acknowledged events to mean anything")
check(0 <= books["accepted"] - distinct <= 1, f"the books say {books['accepted']} accepted, the topic has {distinct}")
check(books["lost"] == 0, f"the books say {books['lost']} lost")
say(f"{len(record.acknowledged)} acknowledged, 0 missing, {len(record.unknown)} unknown, {repeats} repeats")
