# SPDX-License-Identifier: MIT
"""How long after its 200 an event can be seen by a consumer of committed records, at a steady 10,000 events a second."""
import os
import statistics

from harness import Agent, Kafka, check, temporary_directory
from kafka_admin import create_topic
from support import ROUNDS, program, row

RATE, PARTITIONS = 10000, 4
SECONDS = int(os.environ.get("PENSTOCK_BENCH_VISIBLE", "12"))


def bench_visible():
    kafka = Kafka()
    kafka.start()
    rounds = {}
    for number in range(max(ROUNDS // 2, 1)):   # in turn
        for delivery in "exactly_once", "at_least_once":
            agent = Agent(temporary_directory(), kafka.bootstrap, extra=f"bridge:\n  delivery: {delivery}\n  cursor_topic: cursors-{number}-{delivery}\n")
            topic = f"visible-{number}-{delivery}"
            create_topic(kafka.bootstrap, topic, PARTITIONS)
            agent.start()
            check(agent.post(topic, b"first")[0] == 200, "taken")
            agent.wait_drained(60)
            result = program("bench_visible", kafka.bootstrap, topic, PARTITIONS, agent.port, RATE, SECONDS)
            check(result["events_per_s"] > 0.95 * RATE, f"the load kept its rate: {result}")
            rounds.setdefault(delivery, []).append(result)
            agent.stop()
    for name, goal in (("p50_ms", None), ("p99_ms", 250), ("max_ms", None)):
        once, least = (statistics.median(r[name] for r in rounds[delivery]) for delivery in ("exactly_once", "at_least_once"))
        row(f"acknowledged to visible, {RATE:,} events/s, {name[:-3]}: exactly_once", once, None, once, goal, at_least=False, unit="ms")
        row("  at_least_once", least, None, None, None, unit="ms")
    kafka.stop()
