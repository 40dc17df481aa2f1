# SPDX-License-Identifier: MIT
"""Events that can never go: 20 among 20,000, in batches shared with good ones, over topics that refuse for different reasons. Just
those become dead letters, everything else arrives in order, in both modes, across a kill -9; people look at them, requeue and
drop them; a full store loses nothing."""
import json
import os
import re
import subprocess
import sys
import time

from harness import PROGRAM, Agent, Kafka, check, consume, say, temporary_directory, wait_until
from kafka_admin import create_topic, set_topic_config

COUNT = 5000   # of each topic
V2 = "application/vnd.kafka.json.v2+json"
kafka = Kafka(shared=True)
kafka.start()
named = kafka.topic


def penstock(*words, code=0):
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    check(done.returncode == code, f"{words}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout.decode() + done.stderr.decode()


def record(i, poison, kind):
    value = f"{i:05d}"
    if kind == "large":
        return {"value": value + (os.urandom(15000).hex() if poison else "")}
    if kind == "null-key":
        return {"value": value} if poison else {"key": f"k{i}", "value": value}
    if kind == "partition":
        return {"value": value, "partition": 77 if poison else 0}
    return {"value": value, **({"timestamp": 1000} if poison else {})}


KINDS = {
    "large": {"max_message_bytes": 14000},
    "null-key": {"cleanup_policy": "compact"},
    "partition": {},
    "time": {"message_timestamp_before_max_ms": 3600000},
}
ERRORS = {"large": "MSG_SIZE_TOO_LARGE", "null-key": "INVALID_RECORD", "partition": "_UNKNOWN_PARTITION", "time": "INVALID_TIMESTAMP"}
POISON = {kind: {COUNT * n // 5 - 1 - k for n in range(1, 6)} for k, kind in enumerate(KINDS)}


def send(agent, topic, kind):
    for start in range(0, COUNT, 500):
        body = json.dumps({"records": [record(i, i in POISON[kind], kind) for i in range(start, start + 500)]}).encode()
        code, _, answer = agent.request("POST", f"/topics/{topic}", body, {"Content-Type": "application/vnd.kafka.json.v2+json"})
        check(code == 200, f"{topic}: {code} {answer[:300]}")


def copying_agent(mode, copies):
    extra = f"bridge:\n  delivery: {mode}\ndead_letter:\n  topic: {named(copies)}\n"
    return Agent(temporary_directory(), kafka.bootstrap, extra=extra)


def run(mode):
    topics = {kind: named(f"{kind}-{mode}") for kind in KINDS}
    for kind, config in KINDS.items():
        create_topic(kafka.bootstrap, topics[kind], partitions=1, **config)
    create_topic(kafka.bootstrap, named(f"copies-{mode}"), partitions=2, max_message_bytes=14000)
    agent = copying_agent(mode, "copies-" + mode)
    agent.start()
    for kind, topic in topics.items():
        send(agent, topic, kind)
    time.sleep(1.5)
    agent.kill()      # in the middle of it
    say(f"{mode}: killed")
    agent.start()
    agent.wait_drained(180)
    status = agent.status()
    check(status["dead_lettered"] == 20 and status["delivered"] == 4 * COUNT - 20, f"{mode}: {status}")
    check(agent.books_balance(), f"{mode}: the books balance")
    for kind, topic in topics.items():
        values = [json.loads(row[4])[:5] for row in consume(kafka.bootstrap, topic)]
        good = [f"{i:05d}" for i in range(COUNT) if i not in POISON[kind]]
        # At least once: behind a failed batch later ones may have gone already; all is sent again from there on, in order.
        once = list(dict.fromkeys(reversed(values)))[::-1]
        check(once == good, f"{topic}: {len(once)} of {len(good)} events, first out of order: "
              f"{next((pair for pair in zip(once, good) if pair[0] != pair[1]), None)}")
        check(mode == "at_least_once" or values == good, f"{topic}: {len(values) - len(good)} came twice")
    listed = [json.loads(line) for line in penstock("dead-letter", "list", "--json", "--spool", agent.directory + "/spool").splitlines()]
    check(len(listed) == 20, f"{len(listed)} letters")
    for kind, topic in topics.items():
        mine = [letter for letter in listed if letter["topic"] == topic]
        check(len(mine) == 5 and all(letter["error"] == ERRORS[kind] for letter in mine), f"{topic}: {mine}")
    check_copies(mode, listed)
    say(f"{mode}: 20 dead letters, all else in order, books balanced, each copied to copies-{mode}")
    return agent, topics, listed


def copies_in(topic):
    """Each copy in the topic: its headers, and its value."""
    rows = consume(kafka.bootstrap, topic, form="%h\t%S\t%s\n")
    return [(dict(re.findall(r"(penstock-[a-z-]+)=(.*?)(?=,penstock-|$)", row[0])), int(row[1]), row[2] if len(row) > 2 else "") for row in rows]


def check_copies(mode, listed):
    copies = copies_in(named(f"copies-{mode}"))
    letters = {letter["id"]: letter for letter in listed}
    ids = [headers["penstock-id"].split("/")[1] for headers, _, _ in copies]
    check(sorted(set(ids)) == sorted(letters), f"{mode}: copies of {len(set(ids))} letters, not of {len(letters)}")
    check(mode == "at_least_once" or len(ids) == len(set(ids)), f"{mode}: {len(ids) - len(set(ids))} copies came twice")
    for (headers, size, value), id in zip(copies, ids):
        letter = letters[id]
        check(headers["penstock-topic"] == letter["topic"] and headers["penstock-error"] == letter["error"], f"{headers} {letter}")
        check(len(headers["penstock-reason"]) > 5, f"{headers}")
        check(headers.get("penstock-partition") == ("77" if letter["error"] == "_UNKNOWN_PARTITION" else None), f"{headers}")
        if letter["error"] == "MSG_SIZE_TOO_LARGE":
            check(size == 0 and headers["penstock-omitted"] == "value" and int(headers["penstock-value-size"]) > 30000, f"{headers} {size}")
        else:
            check(re.fullmatch(r'"?\d{5}"?', value) and "penstock-omitted" not in headers, f"{headers} {value}")
        if letter["error"] == "INVALID_TIMESTAMP":
            check(headers["penstock-time"] == "1000", f"{headers}")


def check_copies_fail(mode):
    """The topic for the copies takes none, or isn't there: nothing waits for that for long, and no letter is lost."""
    create_topic(kafka.bootstrap, named(f"tiny-{mode}"), partitions=1, max_message_bytes=100)
    create_topic(kafka.bootstrap, named(f"keyed-{mode}"), partitions=1, cleanup_policy="compact")
    agent = copying_agent(mode, "tiny-" + mode)
    agent.start()
    begun = time.time()
    for i in range(40):
        records = [{"value": i} if i % 4 == 0 else {"key": f"k{i}", "value": i}]   # every fourth can't go
        body = json.dumps({"records": records}).encode()
        check(agent.post(named("keyed-" + mode), body, V2)[0] == 200, "taken")
        check(agent.post(named(f"beside-{mode}"), b"x")[0] == 200, "taken")
    books = agent.wait_drained(30)
    check(books["dead_lettered"] == 10 and books["delivered"] == 70, f"{mode}: {books}")
    check(len(penstock("dead-letter", "list", "--json", "--spool", agent.directory + "/spool").splitlines()) == 10, "all are in the spool")
    wait_until(lambda: metric(agent, "penstock_dead_letters_not_copied_total") == 10, 5, "they are counted, each once")
    check(metric(agent, "penstock_dead_letters_copied_total") == 0, "none was made")
    check(not copies_in(named(f"tiny-{mode}")), "none is there")
    lines = agent.log_text().count("event=dead_letter_not_copied")
    check(lines == 1, f"that is said, once a minute: {lines}")
    values = [int(row[4]) for row in consume(kafka.bootstrap, named(f"keyed-{mode}"))]
    once = list(dict.fromkeys(reversed(values)))[::-1]   # as in run()
    check(once == [i for i in range(40) if i % 4], f"{mode}: in order, and none is missing: {values}")
    check(mode == "at_least_once" or len(values) == 30, f"{mode}: once: {values}")
    agent.stop()
    say(f"{mode}: copies that can't be made hold nobody up ({time.time() - begun:.1f} s)")


def check_copies_of_neighbours(mode):
    """Letters in a row: a transaction that carries a copy fails by the next one, and the copy with it."""
    create_topic(kafka.bootstrap, named(f"row-{mode}"), partitions=1, cleanup_policy="compact")
    agent = copying_agent(mode, "row-copies-" + mode)
    agent.start()
    records = [{"value": i} if 3 <= i < 8 else {"key": f"k{i}", "value": i} for i in range(12)]
    body = json.dumps({"records": records}).encode()
    check(agent.post(named("row-" + mode), body, V2)[0] == 200, "taken")
    agent.wait_drained(30)
    wait_until(lambda: metric(agent, "penstock_dead_letters_copied_total") == 5, 5, "five were made")
    # The topic is made by the first of them.
    values = [int(value) for _, _, value in copies_in(named(f"row-copies-{mode}"))]
    check(sorted(values) == [3, 4, 5, 6, 7], f"{mode}: {values}")
    agent.stop()
    say(f"{mode}: letters in a row, a copy of each")


def metric(agent, name):
    return next(int(float(line.split()[1])) for line in agent.get("/metrics")[1].decode().splitlines() if line.startswith(name + " "))


def check_commands(agent, topics, listed):
    spool = agent.directory + "/spool"
    check("MSG_SIZE_TOO_LARGE" in penstock("dead-letter", "list", "--spool", spool), "a table for people")
    one = next(letter for letter in listed if letter["topic"] == topics["large"])
    shown = json.loads(penstock("dead-letter", "show", "--spool", spool, one["id"]))
    check(shown["id"] == one["id"] and len(shown["event"]["value"]) > 30000, "the whole event is shown")
    check(len(penstock("dead-letter", "export", "--spool", spool, "--topic", topics["time"]).splitlines()) == 5, "exported by topic")
    penstock("dead-letter", "show", "--spool", spool, "12345", code=1)

    # Requeued once the topic's limit is raised: they arrive, with where they come from.
    set_topic_config(kafka.bootstrap, topics["large"], **{"max.message.bytes": "100000"})
    out = penstock("dead-letter", "requeue", "--spool", spool, "--topic", topics["large"])
    check("5" in out, out)
    agent.wait_drained(30)
    rows = consume(kafka.bootstrap, topics["large"], form="%h\t%s\n")
    again = [row for row in rows if "penstock-origin=" in row[0]]
    check(len(again) == 5 and one["id"] in " ".join(row[0] for row in again), f"{len(again)} requeued")
    check(agent.status()["dead_letters"]["count"] == 15, "they are no letters any more")

    # Dropped: gone, but still in the books.
    gone = [letter["id"] for letter in listed if letter["topic"] == topics["partition"]][:2]
    penstock("dead-letter", "drop", "--spool", spool, *gone)
    penstock("dead-letter", "drop", "--spool", spool, code=2)
    status = agent.status()
    check(status["dead_letters"]["count"] == 13 and status["dead_lettered"] == 20 and agent.books_balance(), f"{status}")
    agent.stop()
    check("running" in penstock("dead-letter", "drop", "--spool", spool, "1", code=1), "dropping needs the agent")
    check(len(penstock("dead-letter", "list", "--json", "--spool", spool).splitlines()) == 13, "listing doesn't")
    agent.start()
    wait_until(lambda: agent.status()["dead_letters"]["count"] == 13, 10, "they are still there after a restart")
    agent.stop()


def check_full():
    """No room for the second: its topic waits, the others go on, and it goes on by itself when there is room."""
    create_topic(kafka.bootstrap, named("full"), partitions=1, cleanup_policy="compact")
    agent = Agent(temporary_directory(), kafka.bootstrap, extra="dead_letter:\n  max_size: 1500\nbridge:\n  delivery: exactly_once\n")
    agent.start()
    for i in range(2):
        check(agent.post(named("full"), b"x" * 1000)[0] == 200, "taken")
    check(agent.post(named("other"), b"y")[0] == 200, "taken")
    wait_until(lambda: agent.status()["dead_letters"]["full"], 20, "the store is full")
    wait_until(lambda: agent.status()["delivered"] == 1, 20, "the other topic goes on")
    wait_until(lambda: agent.status()["dead_lettered"] == 1, 10, "the first is one")
    time.sleep(2)
    check(agent.status()["pending"] == 1, "the second waits")
    penstock("dead-letter", "drop", "--spool", agent.directory + "/spool", "--all", "--yes")
    agent.wait_drained(20)
    check(agent.status()["dead_lettered"] == 2 and not agent.status()["dead_letters"]["full"], "then it is one, too")
    agent.stop()


if len(sys.argv) > 1:
    run(sys.argv[1])
    sys.exit()
check_commands(*run("exactly_once"))
check_full()
run("at_least_once")
for delivery in ("exactly_once", "at_least_once"):
    check_copies_of_neighbours(delivery)
    check_copies_fail(delivery)
kafka.kill()
