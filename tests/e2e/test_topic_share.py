# SPDX-License-Identifier: MIT
"""A topic that Kafka doesn't take fills its share of the spool: it alone is refused, also after a kill, the others go on; once
mended it drains and is taken again."""
import os

from harness import Agent, Kafka, check, consume, say, temporary_directory, wait_until
from kafka_admin import create_topic

os.environ["KAFKA_PROPS"] = "auto.create.topics.enable=false"
kafka = Kafka()
kafka.start()
create_topic(kafka.bootstrap, "good")
VALUE = os.urandom(15000).hex().encode()

for delivery in "exactly_once", "at_least_once":
    stuck = "stuck-" + delivery
    agent = Agent(temporary_directory(), kafka.bootstrap, spool_extra="  segment_size: 4MiB\n  max_size: 64MiB",
                  extra=f"bridge:\n  delivery: {delivery}\n  backoff_max: 1s\n  topic_share: 25\n  cursor_topic: cursors-{delivery}\n")
    agent.start()

    def of(topic):
        return agent.status()["topics"].get(topic)

    def fill():
        for sent in range(2000):
            code, headers, body = agent.post(stuck, b"%d " % (taken + sent) + VALUE)
            if code != 200:
                check(code == 503 and headers.get("Retry-After") and b"50003" in body and b"bridge.topic_share" in body, f"{code} {headers} {body}")
                return taken + sent
        check(False, f"{stuck} was never refused: {of(stuck)}")

    taken = 0
    taken = fill()
    share = 16 * 2**20
    check(share < of(stuck)["pending_bytes"] < share * 1.1 and of(stuck)["refused"], f"{of(stuck)}")
    check(agent.post("good", b"one")[0] == 200 and agent.get("/readyz")[0] == 200, "the others go on, and the agent is ready")
    say(f"{delivery}: refused after {taken} events, {of(stuck)['pending_bytes']} bytes")

    agent.kill()
    agent.start()
    wait_until(lambda: not agent.status()["counting"], 30, "what was left is counted")
    check(agent.post(stuck, b"x")[0] == 503 and agent.post("good", b"two")[0] == 200, f"after a kill: {of(stuck)}")
    check(agent.log_text().count("event=topic_refused") == 2, "said once per start")

    create_topic(kafka.bootstrap, stuck)
    wait_until(lambda: not of(stuck)["refused"], 60, "it drains and is taken again")
    check(agent.log_text().count("event=topic_accepted_again") == 1, "said once")
    check(agent.post(stuck, b"%d " % taken)[0] == 200, "taken again")
    agent.wait_drained(60)
    check(of(stuck)["pending_bytes"] == 0, f"{of(stuck)}")
    agent.stop()
    numbers = [int(row[4].split(" ")[0]) for row in consume(kafka.bootstrap, stuck)]
    check(sorted(set(numbers)) == list(range(taken + 1)), f"{len(numbers)} of {taken + 1}")
    check(delivery == "at_least_once" or len(numbers) == taken + 1, f"{len(numbers)} instead of {taken + 1}")
kafka.kill()
