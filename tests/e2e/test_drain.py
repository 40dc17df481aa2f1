# SPDX-License-Identifier: MIT
"""A host died; its disk is taken out and emptied with `penstock drain`: resumable, and nothing but the cursors changes."""
import hashlib
import os
import signal
import subprocess
import time

from harness import PROGRAM, Agent, Kafka, Record, check, check_delivery, consume, event_name, load, load_result, say, temporary_directory

EVENTS = 60000

directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("drained")
agent = Agent(directory, "127.0.0.1:1", spool_extra="  segment_size: 4MiB")   # Kafka was never reached
agent.start()
record_path = os.path.join(directory, "record")
load_result(load(agent, connections=4, events=50, keys=20, topics=topic, count=EVENTS, sender="s", record=record_path, size=300))
agent.kill()
spool = os.path.join(directory, "spool")


def contents():
    found = {}
    for folder, _, files in os.walk(spool):
        found[folder] = ""
        for name in files:
            if name not in ("cursors", "LOCK", "admin.sock"):   # a killed agent leaves its socket behind
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    found[path] = hashlib.sha256(f.read()).hexdigest()
    return found


def drain(*options):
    return subprocess.Popen([PROGRAM, "drain", "--spool", spool, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# One event is damaged: the rest arrives.
oldest = os.path.join(spool, "segments", sorted(os.listdir(os.path.join(spool, "segments")))[0], "000003.log")
with open(oldest, "r+b") as f:
    f.seek(1000000)
    byte = f.read(1)
    f.seek(1000000)
    f.write(bytes([byte[0] ^ 1]))
before = contents()

out, err = drain().communicate(timeout=20)
check("bootstrap" in err, f"without an address it says: {err}")
process = drain("--bootstrap", "127.0.0.1:1", "--timeout", "2s")
out, err = process.communicate(timeout=20)
check(process.returncode == 1 and "run it again" in out, f"with Kafka away it ends with {process.returncode}: {out}{err}")

for delay in (0.3, 0.5):                        # stopped in the middle, by hand and by force
    process = drain("--bootstrap", kafka.bootstrap)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM if delay < 0.4 else signal.SIGKILL)
    process.communicate(timeout=20)
process = drain("--bootstrap", kafka.bootstrap)
out, err = process.communicate(timeout=60)
say(out.strip())
check(process.returncode == 0, f"drain ended with {process.returncode}: {out}{err}")
check(" 0 left, 1 lost" in out, f"it says: {out}")
check(contents() == before, "something else than the cursors has changed")
process = drain("--bootstrap", kafka.bootstrap)
out, err = process.communicate(timeout=20)
check(process.returncode == 0 and " 0 left, 1 lost" in out, f"a second time: {out}{err}")

record = Record(record_path, "s")
rows = consume(kafka.bootstrap, topic)
missing = set(record.acknowledged) - {event_name(row[4]) for row in rows}
check(len(missing) == 1, f"{len(missing)} events are missing, one was damaged")
for name in missing:
    del record.acknowledged[name]
repeats, distinct = check_delivery(rows, record, "drain")
say(f"{EVENTS} acknowledged, {distinct} of them in Kafka, 1 was damaged, {repeats} repeats after a stop and a kill")
kafka.kill()
