# SPDX-License-Identifier: MIT
"""Receipts and ?wait=kafka, in both delivery modes: the offsets that are answered are those that a consumer sees; nothing is called
delivered that isn't; while Kafka is away the answer says just what is known."""
import concurrent.futures
import json
import os
import time

from harness import Agent, Kafka, check, consume, say, temporary_directory, wait_until
from kafka_admin import create_topic

os.environ["KAFKA_PROPS"] = "auto.create.topics.enable=false"

V2 = "application/vnd.kafka.json.v2+json"
kafka = Kafka()
kafka.start()


def state(agent, event, query=""):
    code, body = agent.get(f"/receipts/{event}{query}")
    check(code == 200, f"/receipts/{event}{query}: {code} {body}")
    return json.loads(body)["state"]


def progress(agent, query=""):
    code, body = agent.get(f"/progress{query}")
    check(code == 200, f"/progress{query}: {code} {body}")
    return json.loads(body)


def places(answer):
    code, headers, body = answer
    check(code == 200, f"confirmed: {code} {body}")
    return [(o["partition"], o["offset"]) for o in json.loads(body)["offsets"]]


def ids(headers):
    return list(range(int(headers["Penstock-First-Event-Id"]), int(headers["Penstock-Last-Event-Id"]) + 1))


def offsets_are_real(agent, topic):
    """Of all body formats, from many connections at once, while others don't wait."""
    sent = {}   # value -> (partition, offset) as answered
    receipts = []

    def one(n):
        agent.post(topic, b"unheeded-%d" % n)
        kind = n % 3
        if kind == 0:
            values = [f"raw-{n}"]
            answer = agent.post(topic, values[0].encode(), query=f"?wait=kafka&wait_ms=30000&key=k{n}")
        elif kind == 1:
            values = [f"line-{n}-{i}" for i in range(20)]
            answer = agent.post(topic, "\n".join(values).encode(), "application/x-ndjson", "?wait=kafka&wait_ms=30000")
        else:
            values = [f"record-{n}-{i}" for i in range(20)]
            records = [{"key": f"k{i}", "value": v} for i, v in enumerate(values)]
            answer = agent.post(topic, json.dumps({"records": records}).encode(), V2, "?wait=kafka&wait_ms=30000")
            check(set(json.loads(answer[2])) == {"offsets", "key_schema_id", "value_schema_id"}, f"the shape of v2: {answer[2]}")
        return values, places(answer), ids(answer[1])

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for values, where, event_ids in pool.map(one, range(120)):
            check(len(values) == len(where) == len(event_ids), f"{len(values)} events, {len(where)} places, {len(event_ids)} ids")
            sent.update(zip([v if not v.startswith("record") else json.dumps(v) for v in values], where))
            receipts += event_ids
    seen = {value: (partition, offset) for partition, offset, _, _, value in consume(kafka.bootstrap, topic)}
    wrong = {v: (where, seen.get(v)) for v, where in sent.items() if seen.get(v) != where}
    check(not wrong, f"{len(wrong)} of {len(sent)} offsets aren't what the consumer sees: {list(wrong.items())[:3]}")
    wait_until(lambda: agent.status()["pending"] == 0, 30, "all is delivered")
    check({state(agent, event) for event in receipts[::50]} == {"delivered"}, "their receipts say delivered")
    last = progress(agent)
    check(last["all_done"] and int(last["done_id"]) >= max(receipts), f"progress: {last}, last id {max(receipts)}")
    check(abs(last["done_time_ms"] - time.time() * 1000) < 10000, f"the time of progress: {last}")
    check(state(agent, max(receipts) + 10**6) == "unknown", "an id that was never given out")
    check(state(agent, 7) == "unknown", "an id from before the spool was made")
    say(f"{len(sent)} events: partition and offset as the consumer sees them")


def bad_questions(agent, spool_id, event):
    for path, status in ((f"/receipts/{event}?spool_id={spool_id}", 200), (f"/receipts/{event}?spool_id=another", 404), ("/receipts/x", 404),
                         ("/receipts/", 404), (f"/receipts/{event}?x=1", 422), ("/progress?topic=..", 422), ("/progress?topic=a&topic=b", 422)):
        check(agent.get(path)[0] == status, f"{path}: {agent.get(path)}, not {status}")
    check(agent.request("POST", f"/receipts/{event}", b"")[0] == 405, "a receipt can't be posted")


def kafka_away(agent, topic):
    """Not confirmed within the time: 202; the receipt says accepted; once Kafka is back, delivered."""
    kafka.kill()
    began = time.time()
    code, headers, body = agent.post(topic, b"waits in vain", query="?wait=kafka&wait_ms=1500")
    check(code == 202 and json.loads(body) == {"accepted": 1, "confirmed": False}, f"without Kafka: {code} {body}")
    check(1.4 < time.time() - began < 8, f"it took {time.time() - began:.1f} s")
    event = ids(headers)[0]
    check(state(agent, event) == "accepted", "what Kafka doesn't have is accepted")
    check(not progress(agent)["all_done"] and int(progress(agent)["done_id"]) < event, f"progress: {progress(agent)}")
    code, _, body = agent.post(topic, b'{"records":[{"value":1}]}', V2, "?wait=kafka&wait_ms=100")
    check(code == 202 and json.loads(body)["offsets"][0]["offset"] is None, f"v2 without Kafka: {code} {body}")

    say("a client that waits while Kafka comes back is answered then")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        late = pool.submit(agent.request, "POST", f"/topics/{topic}?wait=kafka&wait_ms=90000", b"waits for long", {}, 100)
        wait_until(lambda: agent.status()["pending"] >= 3, 10, "it is accepted")
        kafka.start()
        where = places(late.result())
        rows = consume(kafka.bootstrap, topic)
        check([(p, o) for p, o, _, _, v in rows if v == "waits for long"] == where, f"{where}, not where the consumer sees it")
        wait_until(lambda: state(agent, event) == "delivered", 30, "the first one's receipt says delivered")
        check(sum(v == "waits in vain" for _, _, _, _, v in rows) == 1, "it arrived")


def topic_in_trouble(agent, topic):
    """A topic that isn't there: its lane waits, and no receipt of it says delivered. A dead letter's receipt says that."""
    code, headers, body = agent.request("POST", f"/topics/{topic}/partitions/99?wait=kafka&wait_ms=1000", b"can never go")
    check(code == 202, f"a partition that isn't there: {code} {body}")
    letter = ids(headers)[0]
    wait_until(lambda: state(agent, letter) == "dead_lettered", 30, "its receipt says dead_lettered")
    missing, other, topic = topic + "-missing", "other-" + topic, topic + "-missing"
    code, headers, body = agent.post(missing, b"stuck", query="?wait=kafka&wait_ms=1000")
    check(code == 202, f"a topic that isn't there: {code} {body}")
    stuck = ids(headers)[0]
    code, headers, body = agent.post(other, b"flows", query="?wait=kafka&wait_ms=30000")
    check(code == 200, f"another topic: {code} {body}")
    flows = ids(headers)[0]
    wait_until(lambda: state(agent, flows, f"?topic={other}") == "delivered", 20, "with its topic it is known to be delivered")
    for query in ("", f"?topic={topic}"):
        check(state(agent, stuck, query) == "accepted", f"the stuck one, {query}: {state(agent, stuck, query)}")
    check(int(progress(agent, f"?topic={other}")["done_id"]) >= flows, "progress of the topic that flows")
    check(int(progress(agent, f"?topic={topic}")["done_id"]) < stuck and int(progress(agent)["done_id"]) < stuck, "progress of the one that doesn't")
    check(state(agent, letter) == "dead_lettered", "still")
    create_topic(kafka.bootstrap, missing)
    wait_until(lambda: state(agent, stuck) == "delivered", 60, "once the topic is there its event arrives, and the receipt says so")


def stopping(agent, topic):
    """Those who still wait are answered, within the time that stopping takes."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waits = pool.submit(agent.request, "POST", f"/topics/{topic}-nowhere?wait=kafka&wait_ms=60000", b"x", {}, 60)
        pending = agent.status()["pending"]
        wait_until(lambda: agent.status()["pending"] > pending or waits.done(), 5, "it is accepted") if pending == 0 else time.sleep(0.5)
        agent.stop()
        check(waits.result()[0] == 202, f"answered at the end: {waits.result()}")


for mode in ("exactly_once", "at_least_once"):
    say(f"--- {mode}")
    agent = Agent(temporary_directory(), kafka.bootstrap, extra=f"bridge:\n  delivery: {mode}\n  backoff_max: 2s\n")
    agent.start()
    topic = f"r-{mode}"
    for name in (topic, "other-" + topic):
        create_topic(kafka.bootstrap, name)
    offsets_are_real(agent, topic)
    code, headers, _ = agent.post(topic, b"one")
    bad_questions(agent, headers["Penstock-Spool-Id"], ids(headers)[0])
    kafka_away(agent, topic)
    topic_in_trouble(agent, topic)
    stopping(agent, topic)
say("done")
