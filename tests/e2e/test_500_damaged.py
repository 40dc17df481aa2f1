# SPDX-License-Identifier: MIT
"""A spool of 500 segments, each of them damaged: the agent accepts within a second, salvages in the background where everybody can see it,
and writes 500 loss reports, while clients go on. The same again: PENSTOCK_SEED=..."""
import os
import time

from damaged import REPORT_S, DamagedSpool, arrived, check_arrived, keeping_kafka, read_events
from harness import Agent, Record, check, check_delivery, consume, load, load_result, say, seed_from_environment, temporary_directory, wait_until
from losses import penstock, segments

SEGMENTS = int(os.environ.get("PENSTOCK_SEGMENTS", "500"))
SHAPE = ["--killed", "--batch", "20", "--segments", str(SEGMENTS), "--segment-bytes", "300000", "--events-in-last", "500"]
ACCEPTED_S, SALVAGED_S = 1.0, 80

random = seed_from_environment()
directory = temporary_directory()
label = f"m{os.getpid() % 1000000:06d}-0"
events_path = os.path.join(directory, "events")
spool = DamagedSpool(os.path.join(directory, "spool"), label, "--every", "--seed", str(random.randrange(1 << 30)), *SHAPE, events=events_path)
size_mib = sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(spool.path) for name in names) >> 20
must_report = sum(segment["quarantine"] == "yes" for segment in spool.segments.values())
say(f"{len(spool.segments)} segments, {size_mib} MiB, {spool.events} events: damage has cost {len(spool.missing)} of them, in {must_report} segments")
check(len(spool.segments) == SEGMENTS and must_report >= SEGMENTS * 0.98, f"{len(spool.segments)} segments, {must_report} damaged for sure")
check(spool.check_verify() == 1, "verify finds the damage")
kafka = keeping_kafka()
kafka.start()

# ---- the start -----------------------------------------------------------------------------------------------------------
agent = Agent(directory, kafka.bootstrap, extra="quarantine:\n  max_size: 10GiB\n")
begun = time.time()
agent.start(wait=False)
wait_until(lambda: agent.post("probes", b"probe")[0] == 200, 20, "an event is accepted", every=0.002)
accepted_s = time.time() - begun
say(f"the first event is acknowledged {accepted_s * 1000:.0f} ms after the start")
check(accepted_s < ACCEPTED_S, f"accepted after {accepted_s:.2f} s")

# ---- in the background, where everybody can see it -----------------------------------------------------------------------
record_path = os.path.join(directory, "record")
loader = load(agent, connections=8, keys=4, topics="now", seconds=600, rate=500, sender="s", record=record_path, size=300)
seen, told = [], {"at": 0}


def look():
    s = agent.status()
    check(s, f"no /status:\n{agent.log_tail()}")
    now, left = time.time() - begun, s["spool"]["backlog_segments"]
    seen.append((left, s["spool"]["damaged_segments"], s["spool"]["quarantine_segments"], s["delivered"]))
    if now - told["at"] > 1:
        told["at"] = now
        say(f"/status: {left} segments of the past left, {s['spool']['damaged_segments']} found damaged, "
            f"{s['spool']['quarantine_segments']} in quarantine, {s['delivered']} events delivered, {s['pending']} pending")
    return s


def is_done():
    s = look()
    left = s["counting"] or s["spool"]["backlog_segments"]
    return not left and int(s["bridge"]["done_id"]) >> 24 > max(spool.segments) and s


def is_reported():
    """Damage shows in /status up to here: on a fast disk most of it after the delivery."""
    look()
    return spool.is_reported()


wait_until(is_done, SALVAGED_S, "everything intact is delivered", every=0.02)
salvaged_s = time.time() - begun
wait_until(is_reported, REPORT_S, "all reports are there", every=0.02)
reported_s = time.time() - begun
say(f"everything intact is in Kafka after {salvaged_s:.1f} s, all reports are there after {reported_s:.1f} s")
for i, (name, steps) in enumerate((("backlog_segments", 5), ("damaged_segments", 1), ("quarantine_segments", 1), ("delivered", 5))):
    values = [row[i] for row in seen]
    check(values == sorted(values, reverse=i == 0), f"{name} goes one way only: {values}")
    between = len(set(values)) - 2
    check(between >= steps, f"no progress was visible in {name}: {sorted(set(values))}")
check(seen[0][0] > SEGMENTS // 2, f"the first event was not acknowledged before the salvage: {seen[0]}")

# ---- the reckoning ---------------------------------------------------------------------------------------------------------
loader.terminate()
during = load_result(loader)
books = agent.wait_drained(60)
agent.stop()
reports = spool.check_reports()
check(len(reports) >= must_report, f"{len(reports)} reports")
check(books["lost"] == len(spool.lost) == sum(report["events_lost"] for report in reports),
      f"the books say {books['lost']} lost, the reports {sum(report['events_lost'] for report in reports)}, it must be {len(spool.lost)}")
check(segments(spool.path, "quarantine") == sorted(int(report["segment"]) for report in reports), "the evidence is kept")
code, text = penstock("spool", "verify", spool.path)
check(code == 0, f"verify afterwards ends with {code}: {text}")
say(f"{len(reports)} loss reports name {books['lost']} events; the books: {books['accepted']} accepted = {books['delivered']} delivered + {books['lost']} lost")
salvaged = check_arrived(spool, arrived(kafka.bootstrap).get(label, []), read_events(events_path, label))
check_delivery(consume(kafka.bootstrap, "now"), Record(record_path, "s"), "meanwhile")
say(f"{spool.must_arrive()} intact events arrived, each once, byte for byte, {salvaged} of them from among damage; meanwhile "
    f"{during['acked_events']} events were acknowledged (half of them within {during['p50_us'] / 1000:.1f} ms, the slowest after {during['max_us'] / 1000:.0f} ms), "
    f"{during['refused_requests']} refused")
check(during["refused_requests"] == 0, "nothing is refused meanwhile")
print(f"MATRIX: Every segment of a large backlog damaged (cuts, flipped bits, zeros, garbage, stale blocks, short writes) | the whole program on "
      f"{SEGMENTS} segments, {size_mib} MiB, {spool.events} events, under load | 1 | first event acknowledged after {accepted_s * 1000:.0f} ms; all "
      f"{spool.must_arrive()} intact events in Kafka after {salvaged_s:.1f} s, once, byte for byte; {books['lost']} lost, each named in one of "
      f"{len(reports)} loss reports, all written after {reported_s:.1f} s; {len(spool.missing) - len(spool.lost) - len(spool.uncertain)} more stood in "
      f"ends that were cut off together with all that could tell of them")
