# SPDX-License-Identifier: MIT
"""Out of the spool: a backlog drained into a real Kafka, against a plain producer that sends the same records from memory."""
import os
import shutil
import time

from harness import Agent, Kafka, check, cpu_seconds, temporary_directory, wait_until
from support import NO_KAFKA, ROUNDS, interleaved, program, row, run_load

EVENTS = 2000000
ONCE_EVENTS = 6000000   # a drain takes long enough for what is done once at its start not to count: transactions begun, a cursor topic made
GOALS = {"at_least_once": 0.9, "exactly_once": 0.85}


def fill(directory, count=EVENTS):
    """A spool with a backlog, cleanly stopped, and how many events it holds."""
    agent = Agent(directory, NO_KAFKA, spool_extra="  max_size: 40GiB")
    agent.start()
    result = run_load(agent, connections=4, events=1000, size=200, keys=10, topics="drain", sender="f", count=count, seconds=300)
    check(result["acked_events"] >= count, f"the fill: {result}")
    accepted = agent.status()["accepted"]
    agent.stop()
    return accepted


drains = 0


def drain(kafka, filled, events, used, delivery="exactly_once"):
    """Events a second from the start of the process until all of them are acknowledged by Kafka."""
    directory = temporary_directory()
    shutil.copytree(os.path.join(filled, "spool"), os.path.join(directory, "spool"), ignore=shutil.ignore_patterns("admin.sock"))
    os.sync()
    global drains
    drains += 1   # a cursor topic each: by Kafka's cursor the events of a copied spool would count as delivered
    agent = Agent(directory, kafka.bootstrap, spool_extra="  max_size: 40GiB",
                  extra=f"bridge:\n  delivery: {delivery}\n  cursor_topic: cursors-{drains}\n")
    start = time.monotonic()
    agent.start(wait=False)

    def delivered(count):
        return lambda: (agent.status() or {}).get("delivered", 0) >= count
    wait_until(delivered(events * 0.9), 120, "most of the backlog is delivered", every=0.2)   # who asks takes from a processor
    wait_until(delivered(events), 120, "the backlog is delivered", every=0.02)
    seconds = time.monotonic() - start
    used.append(cpu_seconds(agent.process.pid) / events * 1e6)
    agent.stop()
    shutil.rmtree(directory)
    return events / seconds


def bench_once():
    filled, kafka, once_used, least_used = temporary_directory(), Kafka(), [], []
    events = fill(filled, ONCE_EVENTS)
    kafka.start()
    drain(kafka, filled, events, [], "at_least_once")   # makes the topic, and warms up the broker
    drain(kafka, filled, events, [])   # and its coordinators
    row("drain of 6 M events, exactly_once ÷ at_least_once", *interleaved(lambda: drain(kafka, filled, events, once_used),
                                                                          lambda: drain(kafka, filled, events, least_used, "at_least_once")),
        0.9, unit="events/s")
    row("  CPU", sorted(once_used)[ROUNDS // 2], sorted(least_used)[ROUNDS // 2], None, None, unit="s/M events")
    kafka.stop()


def bench_drain():
    filled, kafka, ours_used, plain_used = temporary_directory(), Kafka(), [], []
    events = fill(filled)
    kafka.start()

    def plain():
        result = program("bench_plain_producer", kafka.bootstrap, "drain", events)
        plain_used.append(result["cpu_s"] / events * 1e6)
        return result["events_per_s"]
    plain()   # makes the topic, and warms up the broker
    drain(kafka, filled, events, [])   # likewise its coordinators: a new broker's first transaction waits more than a second for them
    for delivery, goal in GOALS.items():
        del ours_used[:], plain_used[:]
        row(f"drain of 2 M events, {delivery} ÷ plain librdkafka producer",
            *interleaved(lambda: drain(kafka, filled, events, ours_used, delivery), plain), goal, unit="events/s")
        row("  CPU", sorted(ours_used)[ROUNDS // 2], sorted(plain_used)[ROUNDS // 2], None, None, unit="s/M events")
    kafka.stop()
