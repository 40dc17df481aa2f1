# SPDX-License-Identifier: MIT
"""Kafka forgets the offset of a group that nobody commits: an idle agent keeps it alive; where it is gone, that is said, and
nothing is lost."""
import os
import time

from harness import Agent, Kafka, check, consume, say, temporary_directory, wait_until

os.environ["KAFKA_PROPS"] = "offsets.retention.minutes=1\noffsets.retention.check.interval.ms=2000"
kafka = Kafka()
kafka.start()


def idle(topic, refresh):
    agent = Agent(temporary_directory(), kafka.bootstrap, extra=f"bridge:\n  cursor_refresh: {refresh}\n")
    agent.start()
    send(agent, topic, 0)
    agent.wait_drained(30)
    return agent


def send(agent, topic, first):
    code, _, body = agent.post(topic, "\n".join(str(first + i) for i in range(100)).encode(), "application/x-ndjson")
    check(code == 200, f"{code} {body}")


def last_read(agent):
    """What the agent said when it looked for Kafka's cursor last."""
    lines = [line for line in agent.log_text().split("\n") if " event=cursor_read " in line or " event=cursor_missing " in line]
    return lines[-1]


kept, forgotten = idle("kept", "15s"), idle("forgotten", "24h")
say("both are idle")
time.sleep(100)        # offsets of a group live for a minute after its last commit, and are looked for every 2 s
for agent in (kept, forgotten):
    agent.kill()
    agent.start()
for agent, topic in ((kept, "kept"), (forgotten, "forgotten")):
    wait_until(lambda: agent.log_text().count(" event=cursor_read ") + agent.log_text().count(" event=cursor_missing ") == 2, 30, "it has read the cursor again")
    send(agent, topic, 100)
    agent.wait_drained(30)
    agent.stop()
    values = sorted(int(row[4]) for row in consume(kafka.bootstrap, topic))
    check(values == list(range(200)), f"{topic}: each once: {len(values)} {len(set(values))}")
check("kafka=found" in last_read(kept), f"kept alive: {last_read(kept)}")
check("event=cursor_missing" in last_read(forgotten) and "believed=expired" in last_read(forgotten), f"gone, and said: {last_read(forgotten)}")
say("an idle agent keeps its cursor alive; one that doesn't says that it is gone")
kafka.kill()
