# SPDX-License-Identifier: MIT
"""Under exactly_once with no rights at all: each refusal names what is missing, granting just that leads to the next, and with
the rights that docs/delivery.md lists, and no others, everything arrives. Events are taken all the while."""
import os
import re

from harness import Agent, Kafka, check, consume, free_port, say, temporary_directory, wait_until
from kafka_admin import create_topic, grant

kafka = Kafka()
sasl_port = free_port()
os.environ["KAFKA_PROPS"] = f"""listeners=PLAINTEXT://127.0.0.1:{kafka.port},CONTROLLER://127.0.0.1:{kafka.port + 1},CLIENT://127.0.0.1:{sasl_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka.port},CLIENT://127.0.0.1:{sasl_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_penstock="s3cret-word";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
kafka.start()
create_topic(kafka.bootstrap, "orders")
agent = Agent(temporary_directory(), f"127.0.0.1:{sasl_port}", extra="bridge:\n  delivery: exactly_once\n  backoff_max: 1s\n", kafka_extra="""  security.protocol: sasl_plaintext
  sasl.mechanisms: PLAIN
  sasl.username: penstock
  sasl.password: s3cret-word
""")
agent.start()
USER, GROUP = "User:penstock", "penstock." + agent.status()["spool_id"]
sent = 0


def send():
    global sent
    check(agent.post("orders", f"event {sent}".encode())[0] == 200, "events are taken all the while")
    sent += 1


def wait_for(words):
    def said():
        with open(agent.log_path) as f:
            return re.search(words, f.read())
    wait_until(said, 60, f"the log says {words}")
    say(f"said: {words}")
    send()


wait_for(f"error=TRANSACTIONAL_ID_AUTHORIZATION_FAILED .*--operation Write --operation Describe --transactional-id {GROUP}")
grant(kafka.port, USER, "transactional-id", GROUP, "Write", "Describe")
wait_for(f"error=GROUP_AUTHORIZATION_FAILED .*--operation Read --group {GROUP}")
grant(kafka.port, USER, "group", GROUP, "Read")
wait_for("error=TOPIC_AUTHORIZATION_FAILED .*--operation Read --topic penstock.cursors")
grant(kafka.port, USER, "topic", "penstock.cursors", "Read")
wait_for("step=make_cursor_topic error=TOPIC_AUTHORIZATION_FAILED .*kafka-topics --create --topic penstock.cursors --partitions 1")
create_topic(kafka.bootstrap, "penstock.cursors", partitions=1)
wait_for("event=lane_backing_off topic=orders error=TOPIC_AUTHORIZATION_FAILED")
grant(kafka.port, USER, "topic", "orders", "Write")
agent.wait_drained(60)
agent.stop()
values = [row[4] for row in consume(kafka.bootstrap, "orders")]
check(values == [f"event {i}" for i in range(sent)] or sorted(values) == sorted(f"event {i}" for i in range(sent)), f"{values}")
with open(agent.log_path) as f:
    log = f.read()
check("s3cret-word" not in log, "no secret in the log")
say(f"{len(log.splitlines())} lines of log in all")
check(len(log.splitlines()) < 120, "the log stays short")
kafka.kill()
