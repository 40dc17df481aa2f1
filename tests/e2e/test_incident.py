# SPDX-License-Identifier: MIT
"""The incident that Penstock exists for, told again with Penstock: a host crashes under load with events that Kafka has not got yet, its
files come back damaged, and the program starts before its filesystem is there. Then: 29 minutes without ingest, 140 minutes until people
had dug the events out by hand. Exit code 77: no mounts of one's own here."""
import os
import re
import time

from mounts import Disk, own_namespace

own_namespace()

from harness import Agent, Kafka, Record, check, load, say, seed_from_environment, temporary_directory, wait_until  # noqa: E402
from losses import consumed, listed, load_value_maker, log_path, penstock, report_of, reports, segments  # noqa: E402

INCIDENT_INGEST_MIN, INCIDENT_SALVAGE_MIN = 29, 140
CLIENTS = {   # sender: how it posts
    "shop": dict(connections=8, events=1, keys=10, size=300, rate=500, topics="orders"),
    "web": dict(connections=4, events=20, keys=5, size=400, rate=200, topics="clicks,views"),
    "meter": dict(connections=4, events=5, keys=3, size=1000, rate=100, topics="readings"),
}
TOPICS = ("orders", "clicks", "views", "readings")
MIB = 1 << 20

random = seed_from_environment()
directory = temporary_directory()
disk = Disk(directory)
spool = os.path.join(disk.point, "spool")
kafka = Kafka()
agent = Agent(directory, kafka.bootstrap)
with open(agent.config, "w") as f:
    f.write(f"spool:\n  path: {spool}\n  create: true\n  require_mount: {disk.point}\n  segment_size: 4MiB\n  min_free: 16MiB\n"
            f"listen:\n  http: [\"127.0.0.1:{agent.port}\"]\nkafka:\n  bootstrap.servers: {kafka.bootstrap}\n")


def chapter(text):
    say("== " + text)


def size(path):
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def status_when(condition, seconds, what):
    def holds():
        status = agent.status()
        return status and condition(status) and status
    return wait_until(holds, seconds, what, every=0.02)


# ---- what happens before -------------------------------------------------------------------------------------------------
chapter(f"an ordinary day: the spool is on {disk.what}, Kafka runs, clients post")
disk.mount()
kafka.start()
agent.start()
loaders = [load(agent, sender=sender, seconds=1800, record=os.path.join(directory, sender), **options) for sender, options in CLIENTS.items()]
status = status_when(lambda s: s["delivered"] > 3000, 60, "events are delivered")
say(f"{status['delivered']} events of {len(CLIENTS)} clients are in Kafka")

chapter("Kafka goes away for maintenance; nobody notices, the spool fills")
kafka.stop()


def filled(status):
    newest = int(status["spool"]["live_segment"])
    return len(segments(spool)) >= 6 and 1.5 * MIB < size(log_path(spool, newest)) < 3 * MIB


status = status_when(filled, 120, "a backlog of some segments")
say(f"{status['pending']} events wait in {status['spool']['segments']} segments")

chapter("the host crashes: kill -9 in the middle of it")
agent.kill()
ids = [i for i in segments(spool) if size(log_path(spool, i)) > 100000]
newest, old = ids[-1], ids[len(ids) // 2]
disk.unmount()
disk.mount()
code, text = penstock("spool", "verify", spool)
check(code == 0, f"a kill alone damages nothing: {text}")
delivered = penstock("spool", "ls", spool)[1].splitlines()[0]
say("penstock spool ls: " + delivered)
partly, delivered_of_it = divmod(min(int(number) for number in re.findall(r"up to (\d+)", delivered)), 1 << 24)

# ---- the files come back damaged -------------------------------------------------------------------------------------------
chapter("the files come back damaged: in the newest segment and in old ones, one of which was delivered in part")
damages = []


def damage(segment, at, count, make, what):
    """Only bytes that differ count."""
    with open(log_path(spool, segment), "r+b") as f:
        f.seek(at)
        before = f.read(count)
        after = make(before)
        f.seek(at)
        f.write(after)
    changed = sum(a != b for a, b in zip(before, after))
    damages.append((segment, count))
    say(f"segment {segment}: {what} at {at} ({changed} bytes differ)")


def somewhere(segment, low, high):
    return int(size(log_path(spool, segment)) * (low + random.random() * (high - low)))


def flip(data):
    return bytes([data[0] ^ (1 << random.randrange(8))])


def half_a_record(segment):
    """A write that the crash cut: the header of a full record, and the first half of what it announces."""
    length = 6000
    with open(log_path(spool, segment), "ab") as f:
        f.write(random.randbytes(4) + length.to_bytes(2, "little") + b"\1" + random.randbytes(length // 2))
    say(f"segment {segment}: its last record is there by half")


damage(newest, somewhere(newest, 0.2, 0.5) // 4096 * 4096, 4096, lambda data: bytes(len(data)), "a block of zeros")
damage(newest, somewhere(newest, 0.6, 0.8), 1, flip, "a flipped bit")
half_a_record(newest)
open(os.path.join(spool, "segments", str(newest), "CURRENT"), "w").close()
say(f"segment {newest}: CURRENT is empty")
for i in range(3):
    damage(old, somewhere(old, 0.1 + 0.3 * i, 0.3 + 0.3 * i), 1, flip, "a flipped bit")
damage(old, somewhere(old, 0.92, 0.95) // 512 * 512, 512, lambda data: random.randbytes(len(data)), "a sector of garbage")
delivered_damage = partly in ids and partly not in (old, newest) and delivered_of_it > 1000
if delivered_damage:   # of what Kafka has, nothing can be lost any more
    damage(partly, size(log_path(spool, partly)) // 50, 1, flip, "a flipped bit in what was delivered")
code, text = penstock("spool", "verify", spool)
say("penstock spool verify: " + text.splitlines()[-1])
check(code == 1, f"verify says {code}: {text}")
disk.unmount()

# ---- the start ---------------------------------------------------------------------------------------------------------------
chapter("the host is up again, Kafka too; the agent starts, but its filesystem isn't mounted yet")
kafka.start()
late = 3 + random.random() * 3
started = time.time()
agent.start(wait=False)
wait_until(lambda: agent.get("/healthz")[0] == 200, 10, "it listens", every=0.005)
listening = time.time() - started
code, headers, body = agent.post("orders", b"probe")
say(f"it listens after {listening * 1000:.0f} ms, and answers {code} to an event: {body.decode()}")
check(listening < 1, "it listens within a second")
check(code == 503 and int(headers.get("Retry-After", 0)) > 0 and b"is not mounted" in body, f"{code} {headers} {body}")
check("is not mounted" in agent.status()["reason"], f"/status says {agent.status()['reason']!r}")
time.sleep(max(0, started + late - time.time()))
check(agent.post("orders", b"probe")[0] == 503, "still refused")
check(os.listdir(disk.point) == [], "nothing was made where the filesystem belongs")
disk.mount()
mounted = time.time()
wait_until(lambda: agent.post("orders", b"probe")[0] == 200, 10, "an event is acknowledged", every=0.005)
acknowledged = time.time()
chapter(f"the filesystem comes, {mounted - started:.1f} s late: the first event is acknowledged {(acknowledged - mounted) * 1000:.0f} ms after it")
check(acknowledged - mounted < 1, "ingest answers within a second after the mount")
status = agent.status()
first_segment = int(status["spool"]["live_segment"])
check(status["spool"]["backlog_segments"] > 0 or status["pending"] > 0, "the salvage has not ended before")

# ---- the salvage, by nobody -------------------------------------------------------------------------------------------------
status = status_when(lambda s: s["spool"]["backlog_segments"] == 0 and int(s["bridge"]["done_id"]) >> 24 >= first_segment, 120,
                     "everything intact from before the crash is delivered")
salvaged = time.time()
chapter(f"everything intact from before the crash is in Kafka, {salvaged - acknowledged:.1f} s later, while clients went on")
damaged = {segment for segment, _ in damages}
wait_until(lambda: all(report_of(spool, segment) for segment in (newest, old)), 10, "the loss reports are there")
reported = time.time()
say(f"the loss reports are there {max(0, reported - salvaged):.1f} s after that")
code, text = penstock("quarantine", "list", "--spool", spool)
check(code == 0, text)
say("penstock quarantine list:\n" + text)

for _ in range(30):                                  # while segments are made, filled, delivered and removed
    code, text = penstock("spool", "verify", spool)
    check(code == 0, f"verify of a running agent's spool says {code}: {text}")
say("penstock spool verify, 30 times under load: intact")

chapter("evening: the clients stop, the agent stops")
for loader in loaders:
    loader.terminate()
    loader.wait()
books = agent.wait_drained(60)
found = reports(spool)
say(f"the books: {books['accepted']} accepted = {books['delivered']} delivered + {books['pending']} pending "
    f"+ {books['dead_lettered']} dead-lettered + {books['lost']} lost")
check({int(report["segment"]) for report in found} <= damaged, f"reports of {[report['segment'] for report in found]}, damaged {damaged}")
agent.stop()

# ---- the reckoning ------------------------------------------------------------------------------------------------------------
lost = set().union(*(listed(report) for report in found))
uncertain = set().union(*(listed(report, "uncertain") for report in found))
check(books["lost"] == len(lost), f"the books say {books['lost']} lost, the reports name {len(lost)}")
check(not uncertain, f"no damage is in the last batch, but {sorted(uncertain)} are uncertain")
for report in found:
    segment = int(report["segment"])
    most = sum(1 if count == 1 else count // 100 + 2 for where, count in damages if where == segment)
    code, text = penstock("quarantine", "show", "--spool", spool, str(segment))
    check(code == 0 and '"kind":"damaged"' in text, f"quarantine show says {code}: {text}")
    check(report["events_lost"] <= most, f"{report['events_lost']} events lost by damage that can cost {most}")
    check({"000003.log", "CURRENT"} <= {file["name"] for file in report["files"]}, f"the evidence is there: {report['files']}")
if delivered_damage and report_of(spool, partly):
    check(report_of(spool, partly)["events_lost"] == 0, "what was delivered can't be lost")
code, text = penstock("spool", "verify", spool)
say("penstock spool verify: " + text)
check(code == 0, f"verify afterwards says {code}: {text}")

value_of = load_value_maker()
records = {sender: Record(os.path.join(directory, sender), sender) for sender in CLIENTS}
sent, acknowledged_events, names = {}, set(), {}
for record in records.values():
    sent.update(record.unknown)
    sent.update(record.acknowledged)
    acknowledged_events |= set(record.acknowledged)
    names.update(record.names)
seen, repeats, last_number, salvage_label = set(), 0, {}, 0
for topic in TOPICS:
    for _, _, _, key, label, value in consumed(kafka.bootstrap, topic):
        if value == "probe":
            continue
        name = "-".join(value.split("-", 3)[:3])
        check(name in sent, f"nobody sent {value[:80]!r}")
        check(sent[name] == (topic, key), f"{name} is in {topic} with key {key!r}, sent was {sent[name]}")
        check(value == value_of(name, CLIENTS[name.split("-")[0]]["size"]), f"{name} has changed: {value!r}")
        if name in seen:
            repeats += 1
            continue
        seen.add(name)
        if "penstock-salvaged" in label:             # may come late
            salvage_label += 1
            continue
        number = int(name.split("-")[2])
        check(number > last_number.get((topic, key), -1), f"{name} came after {last_number.get((topic, key))} of its key")
        last_number[topic, key] = number
missing = acknowledged_events - seen
named = {names[i] if i in names else f"id {i} of no acknowledged event" for i in lost}
check(missing == named, f"missing but not named: {sorted(missing - named)[:5]}; named but not missing: {sorted(named - missing)[:5]}")
check(0 < len(missing) < 200, f"{len(missing)} events are missing")
check(salvage_label > 0, "what stood among damage is labelled")
check(repeats <= 20000, f"{repeats} repeats")
say(f"{len(acknowledged_events)} events acknowledged before and after the crash: {len(seen & acknowledged_events)} in Kafka byte for byte, "
    f"{len(missing)} damaged on the disk, and the loss reports name exactly these; {salvage_label} salvaged from among damage, {repeats} repeats")

first_s, last_s = acknowledged - started, salvaged - started
say(f"from the start to the first acknowledged event: {first_s:.1f} s, of which {mounted - started:.1f} s without a filesystem "
    f"(the incident: {INCIDENT_INGEST_MIN} minutes)")
say(f"from the start to the last intact event in Kafka: {last_s:.1f} s (the incident: {INCIDENT_SALVAGE_MIN} minutes, by hand)")
print(f"MATRIX: The incident: kill -9 under load with a backlog, zeros, garbage, flipped bits and a torn record in {len({where for where, _ in damages})} segments, the "
      f"filesystem mounted {mounted - started:.1f} s after the start | the whole program with a real Kafka, {len(CLIENTS)} clients, "
      f"{len(acknowledged_events)} acknowledged events | 1 | first event acknowledged {(acknowledged - mounted) * 1000:.0f} ms after the "
      f"mount, all intact events in Kafka {salvaged - mounted:.1f} s after it; {len(missing)} events lost, each named in a loss report")
