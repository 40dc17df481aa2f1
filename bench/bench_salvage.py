# SPDX-License-Identifier: MIT
"""A damaged backlog: how fast it is read, how soon it is delivered, and what programs that send events meanwhile notice of it."""
import atexit
import glob
import os
import random
import shutil
import subprocess
import tempfile
import time

from harness import PROGRAM, Agent, Kafka, check, say, temporary_directory, wait_until
from support import NO_KAFKA, interleaved, load, load_result, row, run_load

MIB = int(os.environ.get("PENSTOCK_BENCH_SALVAGE", "3072"))
RATE = 2000      # requests a second, for the latency
SIZE = 1000


def logs(spool):
    return sorted(glob.glob(os.path.join(spool, "segments", "*", "*.log")))


def fill(directory):
    """A spool with a backlog of which every segment is damaged in several places; how many events were accepted."""
    agent = Agent(directory, NO_KAFKA, spool_extra="  max_size: 40GiB")
    agent.start()
    count = MIB * 2**20 // (SIZE + 60)
    result = run_load(agent, connections=4, events=1000, size=SIZE, keys=10, topics="salvage", sender="f", count=count, seconds=600)
    check(result["acked_events"] >= count, f"the fill: {result}")
    accepted = agent.status()["accepted"]
    agent.stop()
    randomly = random.Random(1)
    for path in logs(os.path.join(directory, "spool")):
        with open(path, "r+b") as f:
            for _ in range(4):
                f.seek(randomly.randrange(os.path.getsize(path)))
                f.write(b"\x5a")
    return accepted


def kafka_elsewhere():
    """A broker as if on another machine: it doesn't write to the agent's disk, and steps back when both want a processor."""
    memory = tempfile.mkdtemp(prefix="penstock-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    atexit.register(shutil.rmtree, memory, ignore_errors=True)
    return Kafka(os.path.join(memory, "kafka"), before=("nice", "-n", "10"))


def copy_of(filled):
    directory = temporary_directory()
    shutil.copytree(os.path.join(filled, "spool"), os.path.join(directory, "spool"), ignore=shutil.ignore_patterns("admin.sock"))
    os.sync()
    return directory


def reading(filled):
    spool = os.path.join(filled, "spool")
    size = sum(os.path.getsize(path) for path in logs(spool))

    def timed(words):
        start = time.monotonic()
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check(done.returncode in (0, 1), f"{words[0]} ended with {done.returncode}")
        return size / 1e6 / (time.monotonic() - start)
    for path in logs(spool):    # both from the page cache
        with open(path, "rb") as f:
            while f.read(1 << 20):
                pass
    ours, cat, ratio = interleaved(lambda: timed([PROGRAM, "spool", "verify", spool]), lambda: timed(["cat", *logs(spool)]))
    row("salvage reads ÷ cat to /dev/null", ours, cat, ratio, None, unit="MB/s")
    row("  MB/s", ours, None, ours, 500, unit="MB/s")


def delivering(kafka, filled, accepted):
    agent = Agent(copy_of(filled), kafka.bootstrap, spool_extra="  max_size: 40GiB")
    start = time.monotonic()
    agent.start()

    def delivered():
        status = agent.status()
        return status and not status["counting"] and status["pending"] == 0 and status["spool"]["backlog_segments"] == 0
    wait_until(delivered, 300, "the damaged backlog is delivered", every=0.05)
    seconds = time.monotonic() - start
    status = agent.status()
    say(f"{status['delivered']} of {accepted} delivered, {status['lost']} lost")
    row(f"s until {MIB} MiB of damaged backlog are delivered", seconds, None, seconds, 60, at_least=False, unit="s")
    agent.stop()
    shutil.rmtree(agent.directory)


def meanwhile(kafka, filled):
    """The same load on an agent that has nothing else to do, and on one that delivers a damaged backlog."""
    def measure(backlog, **options):
        directory = copy_of(filled) if backlog else temporary_directory()
        agent = Agent(directory, kafka.bootstrap, spool_extra="  max_size: 40GiB")
        agent.start()
        result = load_result(load(agent, size=200, topics="meanwhile", seconds=3, **options))
        busy = agent.status()["spool"]["backlog_segments"] > 0
        check(busy == backlog, f"the backlog was {'still' if busy else 'no longer'} there at the end")
        agent.kill()
        shutil.rmtree(directory)
        return result

    ours, alone, ratio = interleaved(lambda: measure(True, connections=4, rate=RATE)["p99_us"] / 1000,
                                     lambda: measure(False, connections=4, rate=RATE)["p99_us"] / 1000)
    row(f"p99 of ingest at {RATE}/s, with salvage ÷ without", ours, alone, ratio, 2, at_least=False, unit="ms")
    ours, alone, ratio = interleaved(lambda: measure(True, connections=16)["requests_per_s"],
                                     lambda: measure(False, connections=16)["requests_per_s"])
    row("ingest with 16 connections, with salvage ÷ without", ours, alone, ratio, 0.8, unit="1/s")


def bench_salvage():
    filled, kafka = temporary_directory(), kafka_elsewhere()
    accepted = fill(filled)
    reading(filled)
    kafka.start()
    delivering(kafka, filled, accepted)
    meanwhile(kafka, filled)
    kafka.stop()
