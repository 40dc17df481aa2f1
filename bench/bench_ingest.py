# SPDX-License-Identifier: MIT
"""Into the spool: the committer alone, one and many connections, batches, and how many bytes are written for it."""
import glob
import os
import re
import shutil
import subprocess

from harness import PROGRAM, Agent, check, cpu_seconds, fail, temporary_directory, wait_until
from support import PROGRAMS, ROUNDS, interleaved, new_agent, program, row, run_load

SIZE = 200
SECONDS = 2


def bench_committer():
    for events, goal in ((250, 0.8), (1000, 0.5)):
        result = program("bench_committer", temporary_directory(), events, ROUNDS, 1)
        row(f"committer, batches of {events} ÷ write+fdatasync", result["spool_bytes_per_s"] / 1e6, result["raw_bytes_per_s"] / 1e6,
            result["ratio"], goal, unit="MB/s")


def bench_one():
    agent = new_agent()
    agent.start()

    def ours():
        return run_load(agent, connections=1, size=SIZE, seconds=SECONDS)["requests_per_s"]

    def disk():
        return program("bench_disk", agent.directory, SIZE, SECONDS / 2)["writes_per_s"]
    row("1 connection x 1 event ÷ write+fdatasync of 200 B", *interleaved(ours, disk), 0.7, unit="1/s")
    agent.stop()


class Noop:
    """The HTTP library answering from its handler."""

    def __init__(self):
        self.process = subprocess.Popen([os.path.join(PROGRAMS, "bench_noop_http")], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.process.wait()


def bench_many():
    agent, noop = new_agent(), Noop()
    agent.start()
    for connections, goal in ((64, 0.4), (256, 0.6)):
        used = []

        def ours():
            before = cpu_seconds(agent.process.pid)
            result = run_load(agent, connections=connections, size=SIZE, seconds=SECONDS)
            used.append((cpu_seconds(agent.process.pid) - before) / result["acked_events"] * 1e6)
            return result["requests_per_s"]

        def yardstick():
            return run_load(noop, connections=connections, size=SIZE, seconds=SECONDS)["requests_per_s"]
        row(f"{connections} connections x 1 event ÷ HTTP library alone", *interleaved(ours, yardstick), goal, unit="1/s")
        row("  CPU of the agent", sorted(used)[len(used) // 2], None, None, None, unit="s/M events")
    noop.stop()
    agent.stop()


def bench_ndjson():
    agent = new_agent()
    agent.start()
    used = []

    def ours():
        before = cpu_seconds(agent.process.pid)
        result = run_load(agent, connections=4, events=1000, size=SIZE, seconds=SECONDS)
        used.append((cpu_seconds(agent.process.pid) - before) / result["acked_events"] * 1e6)
        return result["events_per_s"]

    def disk():
        return program("bench_disk", agent.directory, SIZE * 1000, SECONDS / 2)["bytes_per_s"] / SIZE
    row("NDJSON 1000 x 4 connections ÷ write+fdatasync of 200 kB", *interleaved(ours, disk), 0.4, unit="events/s")
    row("  CPU of the agent", sorted(used)[len(used) // 2], None, None, None, unit="s/M events")
    agent.stop()


def strace_command(agent, trace):
    """The agent stays our own child (-D); one file for each thread (-ff), so that lines are whole."""
    calls = "write,pwrite64,writev,pwritev,pwritev2,fdatasync,fsync"
    return ["strace", "-D", "-ff", "-y", "--seccomp-bpf", "-e", f"trace={calls}", "-e", "signal=none", "-s", "0", "-o", trace,
            PROGRAM, "run", "--mock-kafka", "--config", agent.config]


def count_trace(trace, below):
    """Bytes written to files below a path, and how often anything below it was synced."""
    written = syncs = 0
    for path in glob.glob(trace + ".*"):
        with open(path, errors="replace") as f:
            for line in f:
                found = re.match(r"(\w+)\(\d+<([^>]*)>.* = (\d+)$", line)
                if found and found[2].startswith(below):
                    if "sync" in found[1]:
                        syncs += 1
                    else:
                        written += int(found[3])
    return written, syncs


def trace_is_whole(trace, pid):
    with open(f"{trace}.{pid}", errors="replace") as f:
        return "+++ exited" in f.read()[-200:]


def traced_run(events_per_request, events):
    """What strace sees until all is delivered: bytes written, syncs, and how many events were accepted."""
    agent = Agent(temporary_directory(), "x:1")
    trace = os.path.join(agent.directory, "trace")
    agent.command = strace_command(agent, trace)
    agent.start()
    result = run_load(agent, connections=1, events=events_per_request, size=SIZE, keys=0, count=events, seconds=300)
    wait_until(lambda: agent.status()["pending"] == 0, 60, "everything is delivered")
    accepted = agent.status()["accepted"]
    agent.stop()
    unanswered = result["unknown_events"]   # the one request under way at the end
    check(accepted - unanswered <= result["acked_events"] <= accepted, f"{accepted} accepted, {result}")
    wait_until(lambda: trace_is_whole(trace, agent.process.pid), 10, "strace has written everything")
    return count_trace(trace, agent.directory + "/spool") + (accepted,)


def bench_writes():
    """Counts with strace what the agent hands to write(2) and its kin for files of the spool, until all is delivered."""
    if shutil.which("strace") is None:
        fail("the writes are counted with strace: please install it")
    written, _, accepted = traced_run(100, 500000)
    size = accepted * SIZE
    row("bytes passed to write ÷ bytes of values, batches of 100", written, size, written / size, 1.25, at_least=False, unit="bytes")
    _, syncs, requests = traced_run(1, 5000)
    row("  syncs ÷ requests, 1 connection x 1 event", syncs, requests, syncs / requests, 1.5, at_least=False)
