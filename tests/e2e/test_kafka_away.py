# SPDX-License-Identifier: MIT
"""Kafka away: at the start, and stopped under load. The agent takes events up to its limit, refuses honestly, drains when Kafka is back."""
import os

from harness import Agent, Kafka, Record, check, check_delivery, consume, load, load_result, say, temporary_directory, wait_until

LIMIT_MIB = 64

directory = temporary_directory()
kafka = Kafka()
agent = Agent(directory, kafka.bootstrap, spool_extra=f"  segment_size: 4MiB\n  max_size: {LIMIT_MIB}MiB",
              extra="bridge:\n  topic_share: 100\n")   # one topic may fill it
agent.start()

say("Kafka was never there: events are taken until the limit, then refused")
record_path = os.path.join(directory, "record1")
result = load_result(load(agent, connections=8, events=100, size=1000, keys=10, topics="away", seconds=8, sender="a", record=record_path))
check(result["acked_events"] * 1000 > LIMIT_MIB * 0.7 * 2**20, f"too little was accepted before the limit: {result}")
check(result["refused_requests"] > 0, f"nothing was refused at the limit: {result}")
code, headers, body = agent.post("away", b"x" * 10000)
check(code == 503 and headers.get("Retry-After") and b"50003" in body, f"the refusal: {code} {headers} {body}")
check(agent.get("/readyz")[0] == 503 and b"max_size" in agent.get("/readyz")[1], "/readyz says why")
check(agent.get("/healthz")[0] == 200, "/healthz is about the process")
check(agent.status()["spool"]["used_bytes"] < LIMIT_MIB * 1.1 * 2**20, "the spool stays within its limit")

say("killed and started again without Kafka: the books balance")
agent.kill()
agent.start(wait=False)
books = wait_until(agent.books_balance, 30, "the books balance without Kafka")
first = Record(record_path, "a")
check(books["pending"] >= len(first.acknowledged) and books["pending"] <= len(first.acknowledged) + len(first.unknown),
      f"pending {books['pending']}, acknowledged {len(first.acknowledged)}, unanswered {len(first.unknown)}")

say("Kafka comes: it drains and takes events again")
kafka.start()
wait_until(lambda: agent.get("/readyz")[0] == 200, 60, "events are taken again")
wait_until(lambda: agent.status()["pending"] == 0, 90, "the backlog is delivered")
check_delivery(consume(kafka.bootstrap, "away"), first, "away at start")

say("Kafka stopped and started again under load")
record_path = os.path.join(directory, "record2")
loader = load(agent, connections=8, keys=10, topics="bounced", seconds=600, sender="b", record=record_path)
wait_until(lambda: agent.status()["topics"].get("bounced", {}).get("delivered", 0) > 500, 30, "the load flows")
kafka.stop()
accepted = agent.status()["accepted"]
wait_until(lambda: agent.status()["accepted"] > accepted + 2000, 30, "events are taken while Kafka is away")
check(agent.status()["bridge"]["in_flight_bytes"] <= 40 * 2**20, "what is in flight stays bounded")
kafka.start()
delivered = agent.status()["topics"]["bounced"]["delivered"]
wait_until(lambda: agent.status()["topics"]["bounced"]["delivered"] > delivered + 1000, 90, "delivery goes on")
kafka.kill()
accepted = agent.status()["accepted"]
wait_until(lambda: agent.status()["accepted"] > accepted + 1000, 30, "events are taken after Kafka was killed")
kafka.start()
loader.terminate()
loader.wait()
wait_until(lambda: agent.status()["pending"] == 0, 120, "everything is delivered")
repeats, _ = check_delivery(consume(kafka.bootstrap, "bounced"), Record(record_path, "b"), "bounced")
books = wait_until(agent.books_balance, 10, "the books balance")
check(books["lost"] == 0, f"books: {books}")
say(f"memory peak {agent.rss_peak_mib():.0f} MiB, {repeats} repeats")
check(agent.rss_peak_mib() <= 192, "memory stays bounded")
agent.stop()
