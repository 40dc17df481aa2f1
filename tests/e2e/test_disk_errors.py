# SPDX-License-Identifier: MIT
"""Disk errors under load: a failed sync, a full disk, an exceeded quota, a short write, files and directories that can't be made, a sync
that hangs. The segment ends, ingest goes on or refuses honestly, comes back by itself, and after a power cut nothing that was acknowledged
is missing (bytes of a failed sync never reach the disk)."""
import errno
import os
import time

from harness import Agent, FaultyDisk, Kafka, Record, check, check_delivery, consume, load, say, seed_from_environment, \
    temporary_directory, wait_until

random = seed_from_environment()
directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("errors")
agent = Agent(directory, kafka.bootstrap, spool_extra="  segment_size: 4MiB\n  commit_timeout: 1s")
disk = FaultyDisk(agent)
agent.start()
record_path = os.path.join(directory, "record")
loader = load(agent, connections=16, keys=10, topics=topic, seconds=1800, sender="d", record=record_path, size=500, rate=3000)


def accepted_more(than):
    return (agent.status() or {}).get("accepted", 0) > than


def cut_and_start():
    """Until what was accepted before is counted: what is accepted from then on is new."""
    disk.cut_power()
    agent.start()
    wait_until(lambda: not agent.status()["counting"], 30, "the backlog is counted")


def spool_status():
    return agent.status()["spool"]


for turn, command in enumerate(("sync 1", "short 1", "write 1", "sync 2", "short 3", "sync 1", "write 2")):
    accepted, abandoned = agent.status()["accepted"], spool_status()["segments_abandoned"]
    for _ in range(5):   # the cursors, or a segment in the making, may get what was meant for the live one
        disk.tell(command)
        ended = time.time() + 3
        while spool_status()["segments_abandoned"] == abandoned and time.time() < ended:
            time.sleep(0.02)
        if spool_status()["segments_abandoned"] > abandoned:
            break
    check(spool_status()["segments_abandoned"] > abandoned, f"no segment ended because of '{command}'")
    wait_until(lambda: accepted_more(accepted + 300), 10, f"events are accepted after '{command}'")
    if turn % 2 == 0:
        time.sleep(random.random() * 0.3)
        cut_and_start()
say("single errors: each ended a segment, and ingest went on")

# Whatever it is that fails once while a segment is made: another one is made.
for command in ("mkdir 1", "open 1", "rename 1", "open 3", "mkdir 2", "rename 2"):
    live = spool_status()["live_segment"]
    disk.tell(command)
    wait_until(lambda: spool_status()["live_segment"] != live, 30, f"a new segment in spite of '{command}'")
    accepted = agent.status()["accepted"]
    wait_until(lambda: accepted_more(accepted + 300), 10, f"events are accepted after '{command}'")
check(agent.log_text().count("event=segment_not_made") >= 4, "segments that could not be made")
say("making a segment failed: another was made")

ALL = 1000000000
FAULTS = (   # what people see of it, what the disk does, what stands in the reason
    ("Every sync fails (EIO)", [("sync", errno.EIO)], "Input/output error"),
    ("No space (ENOSPC)", [("write", errno.ENOSPC)], "No space left"),
    ("Quota exceeded (EDQUOT)", [("write", errno.EDQUOT), ("mkdir", errno.EDQUOT), ("open", errno.EDQUOT)], "quota exceeded"),
    ("Read-only filesystem (EROFS)", [(what, errno.EROFS) for what in ("write", "sync", "mkdir", "open", "rename")], "Read-only file system"),
    ("Short writes, then an error", [("short", errno.ENOSPC)], "No space left"),
    ("No directory can be made", [("mkdir", errno.EIO), ("sync", errno.EIO)], "Input/output error"),
    ("No file can be opened (EMFILE)", [("open", errno.EMFILE), ("sync", errno.EIO)], "Too many open files"),
    ("No directory can be renamed", [("rename", errno.EIO), ("write", errno.EIO)], "Input/output error"),
)


def refused_while(fault, words):
    """Refused with the reason; everything else is well, and nothing is accepted. Returns how long that took, and the count."""
    begun = time.time()
    wait_until(lambda: agent.get("/readyz")[0] == 503, 20, f"the agent is not ready: {fault}", every=0.01)
    took = time.time() - begun
    wait_until(lambda: any(word in agent.status()["reason"] for word in words), 5, f"{words} in the reason: {agent.status()['reason']}")
    code, headers, body = agent.post(topic, f"refused-{fault}".encode())
    check(code == 503 and headers.get("Retry-After"), f"an event during '{fault}': {code} {headers} {body}")
    for page in ("/healthz", "/status", "/status.txt", "/metrics"):
        begun = time.time()
        check(agent.get(page)[0] == 200 and time.time() - begun < 2, f"{page} during '{fault}'")
    accepted = agent.status()["accepted"]
    time.sleep(0.5)
    check(agent.alive() and agent.status()["accepted"] == accepted, f"nothing is accepted during '{fault}'")
    return took, accepted


def accepts_again(fault, accepted):
    begun = time.time()
    wait_until(lambda: accepted_more(accepted + 50), 30, f"events are accepted after '{fault}'", every=0.01)
    return time.time() - begun


def matrix(fault, tried, took, again):
    print(f"MATRIX: {fault} | {tried} | once | 503 after {took:.1f} s, reason in /status, the process lives; accepts again by itself "
          f"{again:.1f} s after it ended, then a power cut: 0 acknowledged missing", flush=True)


for fault, commands, reason in FAULTS:
    for what, number in commands:
        disk.tell(f"{what} {ALL} {number}")
    took, accepted = refused_while(fault, [reason])
    for what, number in commands:
        disk.tell(f"{what} 0")
    again = accepts_again(fault, accepted)
    cut_and_start()
    matrix(fault, "for some seconds, under load", took, again)

for fault, command in (("A sync that hangs", "hang"), ("Making a directory hangs", "stall")):
    disk.tell(f"{command} 1")
    took, accepted = refused_while(fault, ["has not answered"])
    time.sleep(2)
    disk.tell(f"{command} 0")
    again = accepts_again(fault, accepted)
    cut_and_start()
    matrix(fault, "for some seconds, under load, spool.commit_timeout is 1 s", took, again)

loader.terminate()
loader.wait()
books = agent.wait_drained(60)
agent.stop()
record = Record(record_path, "d")
rows = consume(kafka.bootstrap, topic)
come_back = {row[4] for row in rows if row[4].startswith("refused-")}   # refused with "unknown"
rows = [row for row in rows if row[4] not in come_back]
repeats, distinct = check_delivery(rows, record, "disk errors")
check(len(record.acknowledged) >= 2000, "too few acknowledged events to mean anything")
check(books["accepted"] == distinct + len(come_back), f"the books say {books['accepted']} accepted, the topic has {distinct}")
check(books["lost"] == 0, f"the books say {books['lost']} lost")
say(f"{len(record.acknowledged)} acknowledged, 0 missing, {len(record.unknown)} unknown, {repeats} repeats")
