# SPDX-License-Identifier: MIT
"""A topic that Kafka doesn't take has few events among many of others: they must not pin everybody's disk. Dozens of segments go through
while a handful stays, also across kills; once the topic is there its events arrive in order, and under exactly_once each of them once."""
import os
import time

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory, wait_until
from kafka_admin import create_topic

os.environ["KAFKA_PROPS"] = "auto.create.topics.enable=false"
SEGMENT, SEGMENTS_THROUGH, SEGMENTS_LEFT = 4 << 20, 48, 8

kafka = Kafka()
kafka.start()

for delivery in "exactly_once", "at_least_once":
    late, good_topics = "late-" + delivery, [f"good1-{delivery}", f"good2-{delivery}"]
    agent = Agent(temporary_directory(), kafka.bootstrap, spool_extra="  segment_size: 4MiB\n  max_size: 96MiB",
                  extra=f"bridge:\n  delivery: {delivery}\n  backoff_max: 1s\n  cursor_topic: cursors-{delivery}\n")
    for topic, partitions in [(f"cursors-{delivery}", 1)] + [(topic, 4) for topic in good_topics]:
        create_topic(kafka.bootstrap, topic, partitions=partitions)
    agent.start()

    def of(topic):
        return agent.status()["topics"].get(topic, {})

    def drained():
        status = agent.status()
        return status and not status["counting"] and all(status["topics"].get(topic, {}).get("pending", 1) == 0 for topic in good_topics)

    def segments(folder="segments"):
        path = os.path.join(agent.directory, "spool", folder)
        return sorted(int(name) for name in os.listdir(path) if name.isdigit()) if os.path.isdir(path) else []

    def run(sender, topics, **how):
        path = os.path.join(agent.directory, "record-" + sender)
        return load(agent, keys=10, topics=",".join(topics), sender=sender, record=path, **how), path

    records, sent = [], 0
    # Now and then an event of the late topic; then a time in which there is none, so that segments hold nothing of it at all.
    for part, with_late in (("a", True), ("b", False), ("c", True)):
        before = agent.status()["spool"]["live_segment"]
        start, late_before = agent.status()["accepted"], of(late).get("accepted", 0)
        good, path = run(part, good_topics, connections=8, events=10, size=4000, seconds=60)
        records.append((part, path, good_topics))
        if with_late:
            slow, path = run("l" + part, [late], connections=2, events=1, size=100, seconds=60, rate=60)
            records.append(("l" + part, path, [late]))

        def enough():
            """The late topic has some, too: a fast disk is through sooner."""
            status = agent.status() or {"accepted": 0, "topics": {}}
            late_count = status["topics"].get(late, {}).get("accepted", 0) - late_before
            return (status["accepted"] - start > SEGMENTS_THROUGH // 3 * SEGMENT / 4200
                    and (not with_late or late_count > 15))
        wait_until(enough, 60, "so much is accepted")
        if part != "b":
            agent.kill()
            agent.start()
            time.sleep(1)
        for process in (good, slow) if with_late else (good,):
            process.terminate()
            process.wait()
        check(segments()[-1] > int(before), "it went through many segments")
        wait_until(drained, 90, "the others are delivered")
        wait_until(lambda: len(segments()) <= SEGMENTS_LEFT, 30, f"a handful of segments stays: {len(segments())}, parked {len(segments('parked'))}")
        status = agent.status()
        say(f"{delivery}, {part}: {status['accepted']} events accepted, {of(late).get('pending')} of them late; {len(segments())} segments, "
            f"{status['spool']['used_bytes'] >> 20} MiB; parked {status['parked']}")
        check(of(late).get("pending", 0) == of(late).get("accepted", 0) > 0, f"all of the late topic is pending: {of(late)}")

    wait_until(lambda: agent.status()["spool"]["used_bytes"] < 48 << 20, 60, "the room is free again")
    status = agent.status()
    check(status["parked"]["events"] > 0 and status["parked"]["segments"] == len(segments("parked")), f"{status['parked']}")
    check(status["lost"] == 0 and status["spool"]["damaged_segments"] == 0 and agent.books_balance(), f"{status}")
    receipt = next(iter(Record(records[1][1], "la").names))
    code, body = agent.get(f"/receipts/{receipt}?topic={late}")
    check(code == 200 and b'"accepted"' in body, f"{code} {body}")
    metrics = agent.get("/metrics")[1].decode()
    check(f"penstock_spool_parked_events {status['parked']['events']}" in metrics, "the metrics say so, too")

    agent.kill()
    agent.start()
    wait_until(lambda: not agent.status()["counting"], 30, "what was left is counted")
    check(agent.status()["parked"]["events"] > 0, "what the cursors named is parked; the last ones perhaps not yet")
    check(of(late)["pending"] == of(late)["accepted"], f"{of(late)}")

    create_topic(kafka.bootstrap, late)
    wait_until(lambda: of(late).get("pending") == 0, 60, "the late topic's events come by themselves")
    agent.wait_drained(60)
    wait_until(lambda: not segments("parked"), 30, "nothing stays parked")
    wait_until(lambda: agent.status()["parked"] == {"segments": 0, "events": 0, "bytes": 0}, 5, "nor does the status say so a moment later")
    check(agent.status()["lost"] == 0, "nothing is lost")
    agent.stop()
    log = agent.log_text()
    check("event=segment_parked" in log or "event=segment_emptied" in log, "the log says it")
    check("segment_vanished" not in log and "segment_damaged" not in log, "nothing is missed")
    for topic in [late] + good_topics:
        rows = consume(kafka.bootstrap, topic)
        for sender, path, topics in records:
            if topic not in topics:
                continue
            whole, part = Record(path, sender), Record(os.devnull, "")
            part.acknowledged = {name: what for name, what in whole.acknowledged.items() if what[0] == topic}
            part.unknown = {name: what for name, what in whole.unknown.items() if what[0] == topic}
            repeats, count = check_delivery([row for row in rows if row[4].startswith(sender + "-")], part, f"{topic}, {sender}")
            check(count > 10, f"{count} events are too few to mean anything")
            check(delivery == "at_least_once" or repeats == 0, f"{topic}: {repeats} events arrived twice")
        say(f"{topic}: {len(rows)} events arrived")
kafka.kill()
