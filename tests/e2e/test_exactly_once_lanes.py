# SPDX-License-Identifier: MIT
"""Topics in trouble under exactly_once: one missing, one with an event too large for it. The others go on; what is mended comes by itself, once; the event is a dead letter."""
import os
import time

from harness import Agent, Kafka, Record, check, check_delivery, consume, cpu_seconds, load, load_result, say, temporary_directory, wait_until
from kafka_admin import create_topic

os.environ["KAFKA_PROPS"] = "auto.create.topics.enable=false"
GOOD = ["good1", "good2", "good3"]
SECONDS, RATE = 10, 2000

kafka = Kafka()
kafka.start()
for topic in GOOD + ["small"]:
    create_topic(kafka.bootstrap, topic, **({"max_message_bytes": 2000} if topic == "small" else {}))
agent = Agent(temporary_directory(), kafka.bootstrap, spool_extra="  segment_size: 4MiB",
              extra="bridge:\n  delivery: exactly_once\n  backoff_max: 2s\n")
agent.start()


def delivered(topic):
    return agent.status()["topics"].get(topic, {}).get("delivered", 0)


def run(sender, topics, seconds, rate):
    path = os.path.join(agent.directory, "record-" + sender)
    process = load(agent, connections=8, keys=10, topics=",".join(topics), sender=sender, record=path, seconds=seconds, rate=rate, size=150)
    return process, path


def rate_of_good(seconds):
    before = sum(delivered(topic) for topic in GOOD)
    time.sleep(seconds)
    return (sum(delivered(topic) for topic in GOOD) - before) / seconds


good, good_path = run("g", GOOD, SECONDS * 2 + 14, RATE)
wait_until(lambda: sum(delivered(topic) for topic in GOOD) > 500, 30, "the load flows")
time.sleep(1)
alone = rate_of_good(SECONDS - 2)
say(f"alone: {alone:.0f} events/s")

bad, bad_path = run("b", ["missing", "small"], SECONDS, 100)
time.sleep(2)
check(agent.post("small", b"poison" + os.urandom(5000).hex().encode())[0] == 200, "the poison is taken")   # nothing that compresses
time.sleep(2)   # it takes one common transaction along
beside = rate_of_good(SECONDS - 2)
say(f"beside topics in trouble: {beside:.0f} events/s; pending {agent.status()['pending']}")
check(beside >= 0.9 * alone, f"{beside:.0f} instead of {alone:.0f} events/s")
load_result(bad)
check(delivered("missing") == 0, "nobody made the missing topic")
check(delivered("small") > 50, "what stands before the poison goes")

kafka.stop()
time.sleep(1)
used_before = cpu_seconds(agent.process.pid)
time.sleep(4)
used = cpu_seconds(agent.process.pid) - used_before
say(f"Kafka away, a topic in trouble, {RATE} events a second coming in: {used / 4:.2f} of a processor")
check(used < 3, "nothing spins while a topic that is due can't be tried")
kafka.start()

create_topic(kafka.bootstrap, "missing")
record = Record(bad_path, "b")
of_missing = [name for name, what in record.acknowledged.items() if what[0] == "missing"]
wait_until(lambda: delivered("missing") >= len(of_missing), 30, "the topic is there, and its events come by themselves")
load_result(good)
wait_until(lambda: all(t["pending"] == 0 for t in agent.status()["topics"].values()), 60, "the rest is delivered")
check(agent.status()["topics"]["small"]["dead_lettered"] == 1 and agent.status()["dead_lettered"] == 1, "just the poison is a dead letter")
with open(agent.log_path) as f:
    log = f.read()
check("event=lane_backing_off topic=missing" in log and "event=dead_letter topic=small" in log, "the log names them")

agent.kill()   # the lanes that are behind are known from Kafka's cursor
agent.start()
more, more_path = run("m", GOOD, 3, 500)
load_result(more)
wait_until(lambda: all(t["pending"] == 0 for t in agent.status()["topics"].values()), 30, "the rest is delivered")
agent.stop()
for sender, path, topics in (("g", good_path, GOOD), ("b", bad_path, ["missing"]), ("m", more_path, GOOD)):
    whole = Record(path, sender)
    for topic in topics:
        part = Record(os.devnull, "")
        part.acknowledged = {name: what for name, what in whole.acknowledged.items() if what[0] == topic}
        part.unknown = {name: what for name, what in whole.unknown.items() if what[0] == topic}
        repeats, count = check_delivery([row for row in consume(kafka.bootstrap, topic) if row[4].startswith(sender + "-")], part, topic)
        check(repeats == 0 and count > 0, f"{topic}: {repeats} events arrived twice")
rows = [row[4] for row in consume(kafka.bootstrap, "small")]
of_small = [name for name, what in record.acknowledged.items() if what[0] == "small"]
check(len(rows) == len(set(rows)) == len(of_small), f"small: {len(rows)} events, {len(set(rows))} different ones, {len(of_small)} were taken")
say(f"{len(rows)} of small around the poison, each once")
kafka.kill()
