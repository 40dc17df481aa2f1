# SPDX-License-Identifier: MIT
"""From POST to a Kafka consumer: every format, byte for byte, in order per key, where Java's producer would put it."""
import base64
import json
import os
import subprocess

from harness import (PROGRAM, Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory,
                     wait_until)

# What Kafka's own UtilsTest expects of murmur2 (as Java's signed int)
MURMUR2_KNOWN = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
                 "a-little-bit-longer-string": -1486304829, "abc": 479470107}


def murmur2(key):
    data, m, r = key.encode(), 0x5bd1e995, 24
    h = 0x9747b28c ^ len(data)
    for i in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & 0xffffffff
        k = (k ^ k >> r) * m & 0xffffffff
        h = (h * m & 0xffffffff) ^ k
    rest = data[len(data) - len(data) % 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & 0xffffffff
    h = (h ^ h >> 13) * m & 0xffffffff
    return h ^ h >> 15


directory = temporary_directory()
kafka = Kafka(shared=True)
kafka.start()
TOPICS = {name: kafka.topic(name) for name in ("raw", "json", "binary", "lines", "placed", "cli", "many")}
agent = Agent(directory, kafka.bootstrap)
agent.start()


def delivered(topic, count):
    wait_until(lambda: (agent.status() or {}).get("topics", {}).get(topic, {}).get("delivered") == count, 30,
               f"{count} events of {topic} are delivered")


say("raw bodies: empty, with key and time, odd bytes")
check(agent.post(TOPICS["raw"], b"plain")[0] == 200, "a raw body is accepted")
check(agent.post(TOPICS["raw"], b"", query="?key=%41%2F&timestamp=1700000000123")[0] == 200, "an empty raw body is accepted")
check(agent.post(TOPICS["raw"], bytes(range(1, 9)) + b"\xff\x80")[0] == 200, "odd bytes are accepted")
delivered(TOPICS["raw"], 3)
form = '{"p":%p,"o":%o,"ts":%T,"k":"%k","n":%S,"h":"%h"}\n'
rows = [json.loads(r[0]) for r in consume(kafka.bootstrap, TOPICS["raw"], form)]
check(sorted(r["n"] for r in rows) == [0, 5, 10], f"sizes of the raw events: {rows}")
check([r["ts"] for r in rows if r["n"] == 0] == [1700000000123] and [r["k"] for r in rows if r["n"] == 0] == ["A/"],
      f"key and time of the empty one: {rows}")

say("REST v2, JSON and binary: numbers digit for digit, tombstones, headers, partitions, receipts")
number = "12345678901234567890.123456789012345678901234567890"
body = ('{"records":[{"key":"k0","value":{"n":%s,"u":"\\u0000z"}},{"key":null,"value":null,"partition":3},'
        '{"value":[1, 2 ,3],"headers":[{"key":"h","value":"YWJj"}],"timestamp":1600000000000}]}' % number).encode()
code, headers, answer = agent.post(TOPICS["json"], body, "application/vnd.kafka.json.v2+json; charset=utf-8")
check(code == 200 and len(json.loads(answer)["offsets"]) == 3, f"the v2 answer: {code} {answer}")
check(int(headers["Penstock-Last-Event-Id"]) - int(headers["Penstock-First-Event-Id"]) == 2, f"the receipt: {headers}")
delivered(TOPICS["json"], 3)
rows = consume(kafka.bootstrap, TOPICS["json"], "%p|%T|%k|%S|%h|%s\n")
text = "\n".join(r[0] for r in rows)
check(f'{{"n":{number},"u":"\\u0000z"}}' in text, f"the number's digits: {text}")
check("3|" in text and "|-1|" in text, f"the tombstone in partition 3: {text}")
check("|1600000000000||7|h=abc|[1,2,3]" in text, f"header, time and compact array: {text}")
blob = os.urandom(1000).replace(b"\n", b"n")
body = json.dumps({"records": [{"key": base64.b64encode(b"bin").decode(), "value": base64.b64encode(blob).decode()}]}).encode()
check(agent.post(TOPICS["binary"], body, "application/vnd.kafka.binary.v2+json")[0] == 200, "binary v2 is accepted")
delivered(TOPICS["binary"], 1)
done = subprocess.run(["kcat", "-b", kafka.bootstrap, "-C", "-t", TOPICS["binary"], "-o", "beginning", "-e", "-q", "-f", "%s"], stdout=subprocess.PIPE)
check(done.stdout == blob, "binary bytes arrive as they were")

say("NDJSON: CR dropped, empty lines skipped, no LF at the end")
check(agent.post(TOPICS["lines"], b'{"a":1}\r\n\n  x \nlast', "application/x-ndjson", "?key=kk")[2] == b'{"accepted":3}', "NDJSON is counted")
delivered(TOPICS["lines"], 3)
check([r[4] for r in consume(kafka.bootstrap, TOPICS["lines"])] == ['{"a":1}', "  x ", "last"], "lines byte for byte, in order")

say("placement is Java's")
keys = list(MURMUR2_KNOWN) + [f"k{i}" for i in range(20)]
for key, known in MURMUR2_KNOWN.items():
    check(murmur2(key) == known & 0xffffffff, f"this test's murmur2 of {key!r} is not Java's")
for key in keys:
    check(agent.post(TOPICS["placed"], b"v", query=f"?key={key}")[0] == 200, "accepted")
delivered(TOPICS["placed"], len(keys))
for partition, _, _, key, _ in consume(kafka.bootstrap, TOPICS["placed"]):
    expected = (murmur2(key) & 0x7fffffff) % 4
    check(partition == expected, f"{key} is in partition {partition}, Java puts it into {expected}")

say("penstock produce: kcat's rules")
lines = "a:1\n\nnokey\nb:2:3\n:empty key\nc:\nlast:x"
done = subprocess.run([PROGRAM, "produce", "-t", TOPICS["cli"], "-K", ":", "-H", "from=cli", "--unix", f"{directory}/http.sock"],
                      input=lines.encode(), stderr=subprocess.PIPE)
check(done.returncode == 0 and b"6 accepted, 0 refused" in done.stderr, f"produce: {done.returncode} {done.stderr}")
delivered(TOPICS["cli"], 6)
pairs = sorted((r[3], r[4]) for r in consume(kafka.bootstrap, TOPICS["cli"]))
check(pairs == sorted([("a", "1"), ("", "nokey"), ("b", "2:3"), ("", "empty key"), ("c", ""), ("last", "x")]), f"keys and values: {pairs}")

say("20,000 events from 8 connections, in order per key")
path = os.path.join(directory, "record")
result = load_result(load(agent, connections=8, keys=10, topics=TOPICS["many"], count=20000, seconds=60, sender="m", record=path))
check(result["acked_events"] >= 20000 and result["refused_requests"] == 0, f"the load: {result}")
wait_until(lambda: agent.status()["pending"] == 0, 30, "all is delivered")
repeats, _ = check_delivery(consume(kafka.bootstrap, TOPICS["many"]), Record(path, "m"), "delivery")
check(repeats == 0, f"{repeats} repeats without any fault")

say("metrics are there, the books balance, a clean stop")
metrics = agent.get("/metrics")[1].decode()
check("\npenstock_events_accepted_total " in metrics and f'penstock_topic_pending{{topic="{TOPICS["many"]}"}} 0' in metrics, "metrics")
check(agent.books_balance(), f"books: {agent.status()}")
agent.stop()
say("ok")
