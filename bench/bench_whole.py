# SPDX-License-Identifier: MIT
"""The whole program: how soon it takes events with a large backlog, and how much memory it needs for one."""
import os
import socket
import time

from harness import Agent, Kafka, check, fail, say, temporary_directory, wait_until
from support import ROUNDS, interleaved, new_agent, row, run_load, load

BACKLOG_MIB = int(os.environ.get("PENSTOCK_BENCH_BACKLOG", "10240"))
FILL_MIB = int(os.environ.get("PENSTOCK_BENCH_FILL", "2048"))
REQUEST = b"POST /topics/first HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


def drop_page_cache():
    """As after a reboot; False where we may not."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3\n")
        return True
    except OSError:
        return False


def first_acknowledged_ms(agent):
    """From the start of the process to the first 200, tried every half millisecond. Ends the process with kill -9."""
    start = time.monotonic()
    agent.start(wait=False)
    while time.monotonic() < start + 60:
        try:
            with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as s:
                s.sendall(REQUEST)
                if s.recv(65536).startswith(b"HTTP/1.1 200"):
                    took = (time.monotonic() - start) * 1000
                    agent.kill()
                    return took
        except OSError:
            pass
        time.sleep(0.0005)
    fail(f"nothing was acknowledged within 60 s:\n{agent.log_tail()}")


def bench_start():
    full, empty = new_agent(), new_agent()
    full.start()
    count = BACKLOG_MIB * 2**20 // 1100
    result = run_load(full, connections=4, events=1000, size=1000, topics="backlog", count=count, seconds=1200)
    check(result["acked_events"] >= count, f"the backlog: {result}")
    used = full.status()["spool"]["used_bytes"]
    say(f"a backlog of {used / 2**30:.1f} GiB")
    full.kill()
    empty.start()
    empty.kill()

    def measure(name, before):
        def one(agent):
            before()
            return first_acknowledged_ms(agent)
        ours, yardstick, ratio = interleaved(lambda: one(full), lambda: one(empty), max(ROUNDS, 7))
        row(f"{name}: backlog ÷ empty", ours, yardstick, ratio, 1.5, at_least=False, unit="ms")
        row("  ms with the backlog", ours, None, ours, 300, at_least=False, unit="ms")
    measure(f"start to first ack, {used / 2**30:.1f} GiB", lambda: None)
    if drop_page_cache():
        measure("start to first ack, cold page cache", drop_page_cache)


def bench_memory():
    kafka = Kafka()
    agent = Agent(temporary_directory(), kafka.bootstrap, spool_extra="  max_size: 40GiB")

    def report(what):
        peak = agent.rss_peak_mib()
        row(f"peak memory {what}", peak, None, peak, 192, at_least=False, unit="MiB")
    agent.start()
    result = run_load(agent, connections=4, events=1000, size=200, topics="fill", count=FILL_MIB * 2**20 // 250, seconds=600)
    report(f"filling {FILL_MIB} MiB ({result['events_per_s']:,.0f} events/s)")
    agent.kill()
    agent.start()
    wait_until(agent.books_balance, 30, "the books balance")
    report("starting on it")
    kafka.start()
    loader = load(agent, connections=4, events=100, size=200, topics="during", seconds=1200)
    wait_until(lambda: agent.status()["topics"]["fill"]["pending"] == 0, 600, "the backlog is delivered")
    loader.terminate()
    loader.wait()
    report("draining it while ingesting")
    agent.stop()
    kafka.stop()
