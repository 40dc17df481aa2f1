# SPDX-License-Identifier: MIT
"""Random damage through the whole program, into a real Kafka: an agent starts on a damaged spool and accepts within a second; the events
whose bytes were not touched arrive, each once and byte for byte; what is missing is what the loss reports name; nothing hangs or dies.

The spools lay in another host's hands before: made by the spool's own code, in batches of 1, 10 and 100, killed or stopped. More rounds:
--rounds 1000; the same again: --seed S; one of them: --seed S --only N."""
import argparse
import collections
import os
import random
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from damaged import REPORT_S, TOPICS, DamagedSpool, arrived, check_arrived, keeping_kafka, read_events
from harness import Agent, check, consume, say, temporary_directory, wait_until
from losses import penstock

BATCHES = (1, 10, 100)
AT_A_TIME = 2
ACCEPTED_S, DELIVERED_S = 1.0, 60
KINDS = (  # words of what was done -> how people call it
    ("changed by", "flipped bits"), ("of the fragment header", "changed record headers"), ("of aligned", "zeroed or garbled sectors and pages"),
    ("zeros at", "zeros"), ("garbage at", "garbage"), ("replaced by", "stale blocks"), ("cut at", "cut ends"), ("which went on", "short writes"),
    ("CURRENT", "CURRENT"), ("MANIFEST", "MANIFEST"), ("LOCK", "LOCK"))

options = argparse.ArgumentParser()
options.add_argument("--rounds", type=int, default=75)
options.add_argument("--seed", type=int, default=int(os.environ.get("PENSTOCK_SEED", random.randrange(1 << 30))))
options.add_argument("--only", type=int)
options = options.parse_args()
say(f"seed {options.seed} (--seed {options.seed} repeats it)")

directory = temporary_directory()
kafka = keeping_kafka()
kafka.start()
run_label = f"d{os.getpid() % 1000000:06d}"
probes = kafka.topic("probes")


def warm_up():
    """The topics are there before the first agent: making them is not what is measured here."""
    for topic in (*TOPICS, probes):
        done = subprocess.run(["kcat", "-b", kafka.bootstrap, "-P", "-t", topic], input=b"warm-up-0", timeout=30)
        check(done.returncode == 0, f"kcat can't make {topic}")


def spool_options(number):
    return ["--batch", str(BATCHES[number % 3])] + (["--killed"] if number % 2 else [])


class Round:
    def __init__(self, number):
        self.number, self.directory = number, os.path.join(directory, f"round{number}")
        os.mkdir(self.directory)
        self.spool = DamagedSpool(os.path.join(self.directory, "spool"), f"{run_label}-{number:05d}", "--seed", str(options.seed), "--number",
                                  str(number), *spool_options(number))
        self.agent = Agent(self.directory, kafka.bootstrap)
        self.name = f"round {number} ({self.spool.what})"

    def start(self):
        """Seconds until it listened, and until the first event was acknowledged."""
        begun = time.time()
        self.agent.start(wait=False)

        def accepted():
            check(self.agent.alive(), f"{self.name}: the agent ended with {self.agent.process.returncode}:\n{self.agent.log_tail()}")
            return self.agent.post(probes, self.spool.label.encode())[0] == 200
        wait_until(accepted, 20, f"{self.name}: an event is accepted", every=0.002)
        self.accepted_s = time.time() - begun
        check(self.accepted_s < ACCEPTED_S, f"{self.name}: the first event was accepted after {self.accepted_s:.2f} s")

    def delivered(self):
        s = self.agent.status()
        check(s or self.agent.alive(), f"{self.name}: the agent ended:\n{self.agent.log_tail()}")
        return s and not s["counting"] and s["pending"] == 0 and s["spool"]["backlog_segments"] == 0 and s

    def run(self):
        self.verified = self.spool.check_verify()
        self.start()
        wait_until(self.delivered, DELIVERED_S, f"{self.name}: the rest is delivered")
        wait_until(self.spool.is_reported, REPORT_S, f"{self.name}: the reports are there")
        books = wait_until(self.agent.books_balance, 10, f"{self.name}: the books balance")
        self.agent.stop()
        self.reports = self.spool.check_reports()
        check(books["lost"] == len(self.spool.lost), f"{self.name}: the books say {books['lost']} lost, it must be {len(self.spool.lost)}")
        check(books["delivered"] == self.spool.must_arrive() + 1, f"{self.name}: the books say {books['delivered']} delivered, it must be "
              f"{self.spool.must_arrive()} and one of now")
        code, text = penstock("spool", "verify", self.spool.path)
        check(code == 0, f"{self.name}: verify afterwards ends with {code}: {text}")
        shutil.rmtree(self.directory)
        say(f"{self.name}: accepted after {self.accepted_s * 1000:.0f} ms, {len(self.spool.lost)} lost, {len(self.reports)} reports")
        return self


def run_round(number):
    return Round(number).run()


def kinds(what):
    """Of a long list the end is cut off."""
    return {name for part in what.split("; ") for words, name in KINDS if words in part}


warm_up()
events = {}
for i in range(len(BATCHES)):
    template = DamagedSpool(os.path.join(directory, f"template{i}"), f"{run_label}-{99999:05d}", "--undamaged", *spool_options(i),
                            events=os.path.join(directory, f"events{i}"))
    check(template.check_verify() == 0, "a spool without damage is intact")
    template.check_vanished()
    events[BATCHES[i]] = read_events(os.path.join(directory, f"events{i}"), template.label)

# An event in the last batch of a cut segment: a crash may have torn it out, or damage. `verify` names it, as the loss report does.
torn = DamagedSpool(os.path.join(directory, "torn"), f"{run_label}-{99998:05d}", "--seed", "934445596", "--number", "38", "--batch", "100")
check(len(torn.uncertain) == 1 and torn.check_verify() == 1, f"{torn.what}: {torn.uncertain}")

numbers = [options.only] if options.only is not None else range(options.rounds)
with ThreadPoolExecutor(AT_A_TIME) as pool:
    rounds = list(pool.map(run_round, numbers))
say("all rounds have ended; reading Kafka")
by_label = arrived(kafka.bootstrap)
probed = collections.Counter(row[4] for row in consume(kafka.bootstrap, probes))
salvaged = 0
for r in rounds:
    salvaged += check_arrived(r.spool, by_label.get(r.spool.label, []), events[BATCHES[r.number % 3]])
    check(probed[r.spool.label] == 1, f"{r.name}: the event accepted after the damage arrived {probed[r.spool.label]} times")
check(not any(label.startswith(run_label) for label in set(by_label) - {r.spool.label for r in rounds}), "events of nobody")

counts = collections.Counter(kind for r in rounds for kind in kinds(r.spool.what))
times = sorted(r.accepted_s * 1000 for r in rounds)
lost, uncertain = sum(len(r.spool.lost) for r in rounds), sum(len(r.spool.uncertain) for r in rounds)
arrived_count = sum(r.spool.must_arrive() for r in rounds)
told = sum(len(r.reports) for r in rounds)
untold = sum(len(r.spool.missing) for r in rounds) - lost - uncertain
say(f"{len(rounds)} damaged spools: {arrived_count} intact events arrived, each once, {salvaged} of them from among damage; {lost} lost and {uncertain} "
    f"uncertain in {told} reports; {untold} of ends that were cut off; verify ended {sum(r.verified == 1 for r in rounds)} times with 1 before")
say(f"start -> first acknowledged event: median {statistics.median(times):.0f} ms, maximum {times[-1]:.0f} ms")
print(f"MATRIX: Random damage ({', '.join(f'{kind} {count} x' for kind, count in counts.most_common())}) | the whole program on spools of some "
      f"14,000 events in batches of 1, 10 and 100, into a real Kafka | {len(rounds)} | first event acknowledged after {statistics.median(times):.0f} ms "
      f"(median; at most {times[-1]:.0f} ms); all {arrived_count} intact events arrived once, byte for byte; {lost} lost, each named in a loss report; "
      f"{untold} more stood in ends that were cut off, where nothing is left that could tell of them")
