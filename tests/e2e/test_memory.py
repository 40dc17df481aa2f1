# SPDX-License-Identifier: MIT
"""Peak memory stays at or below 192 MiB while a backlog is filled, started on, and drained under load. PENSTOCK_FILL_MIB=2048 for the full size."""
import os

from harness import Agent, Kafka, check, load, load_result, say, temporary_directory, wait_until

FILL_MIB = int(os.environ.get("PENSTOCK_FILL_MIB", "512"))
LIMIT_MIB = 192

directory = temporary_directory()
kafka = Kafka()
agent = Agent(directory, kafka.bootstrap, spool_extra="  max_size: 8GiB")
agent.start()
events = FILL_MIB * 2**20 // 250
result = load_result(load(agent, connections=4, events=1000, size=200, topics="fill", count=events, seconds=240, sender="f"), 300)
say(f"filled {result['acked_events']} events at {result['events_per_s']:.0f}/s, peak {agent.rss_peak_mib():.0f} MiB")
check(result["acked_events"] >= events, f"the fill: {result}")
check(agent.rss_peak_mib() <= LIMIT_MIB, f"peak {agent.rss_peak_mib():.0f} MiB while filling")
agent.kill()

agent.start()
wait_until(agent.books_balance, 30, "the books balance after the start")
say(f"started on it, peak {agent.rss_peak_mib():.0f} MiB")
check(agent.rss_peak_mib() <= LIMIT_MIB, f"peak {agent.rss_peak_mib():.0f} MiB after the start")

kafka.start()
loader = load(agent, connections=4, events=100, size=200, topics="during", seconds=600, sender="d")
wait_until(lambda: agent.status()["topics"]["fill"]["pending"] == 0, 240, "the backlog is delivered")
loader.terminate()
loader.wait()
say(f"drained while ingesting, peak {agent.rss_peak_mib():.0f} MiB")
check(agent.rss_peak_mib() <= LIMIT_MIB, f"peak {agent.rss_peak_mib():.0f} MiB while draining")
agent.stop()
