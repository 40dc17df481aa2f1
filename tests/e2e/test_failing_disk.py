# SPDX-License-Identifier: MIT
"""A filesystem that stops answering (frozen), and one that the kernel makes read-only after an error, both real, under load.

Frozen: every write and sync hangs. Whoever waits gets 503 within spool.commit_timeout, readiness is red, everything else answers, and
after the thaw it serves on. Read-only: refused, what is in the spool is still delivered, and after a repair nothing is missing.
Exit code 77: such filesystems can't be made here."""
import os
import subprocess
import time

from harness import Agent, Kafka, check, say, seed_from_environment, temporary_directory, wait_until
from loop_disk import LoopDisk, enter_own_namespace, skip, unmount_at_exit, why_not, write_config
from senders import Senders, check_arrived, make_value

enter_own_namespace(__file__)

NOWHERE = "127.0.0.1:1"   # no Kafka there: the spool only grows
COMMIT_TIMEOUT_S = 1.0
FREEZES = 6

random = seed_from_environment()
directory = temporary_directory()
disks = []
unmount_at_exit(disks)


class Story:
    def __init__(self, kind, name, options="rw"):
        self.kind, self.topic = kind, kafka.topic(name)
        self.disk = LoopDisk(directory, kind, name)
        disks.append(self.disk)
        self.disk.mount(options)
        self.spool = os.path.join(self.disk.point, "spool")
        own = os.path.join(directory, name + "-agent")
        os.mkdir(own)
        self.agent = Agent(own, NOWHERE)
        self.acknowledged = {}

    def configure(self, bootstrap):
        write_config(self.agent, self.spool, self.disk.point, bootstrap, cursor_interval="200ms", commit_timeout=f"{COMMIT_TIMEOUT_S:.0f}s")

    def answers(self):
        """Everything that doesn't need the disk does so at once."""
        for page in ("/healthz", "/status", "/status.txt", "/metrics", "/readyz"):
            begun = time.time()
            code = self.agent.get(page)[0]
            check(code == (503 if page == "/readyz" else 200), f"{page}: {code}")
            check(time.time() - begun < 1, f"{page} took {time.time() - begun:.1f} s")

    def delivered(self):
        self.agent.stop()
        self.configure(kafka.bootstrap)
        self.agent.start()
        books = self.agent.wait_drained(60)
        self.agent.stop()
        check(books["lost"] == 0, f"the books say {books['lost']} lost")
        return check_arrived(kafka.bootstrap, self.topic, self.acknowledged)

    def matrix(self, fault, tried, often, happened):
        print(f"MATRIX: {fault} ({'ext4' if self.kind == 'ext4' else 'XFS'}) | {tried} | {often} | {happened}", flush=True)


# ---- a filesystem that hangs ----------------------------------------------------------------------------------------------------------

def freeze_once(story, senders, seconds):
    """Returns how long it took until readiness was red, and the longest wait for an answer."""
    before = senders.count()
    wait_until(lambda: senders.count() > before + random.randrange(50, 600), 20, "events are accepted")
    story.disk.freeze()
    begun = time.time()
    try:
        wait_until(lambda: story.agent.get("/readyz")[0] == 503, COMMIT_TIMEOUT_S + 3, "readiness is red while the disk hangs", every=0.02)
        red_s = time.time() - begun
        story.answers()
        code, headers, body = story.agent.post(story.topic, make_value("asked", 50).encode())
        check(code == 503 and headers.get("Retry-After"), f"an event for a disk that hangs: {code} {headers} {body}")
        check("answer" in story.agent.status()["reason"], f"the reason: {story.agent.status()['reason']}")
        time.sleep(max(0, seconds - (time.time() - begun)))
        check(story.agent.alive(), f"the agent lives:\n{story.agent.log_tail()}")
        story.answers()
    finally:
        story.disk.thaw()
    thawed, held = time.time(), senders.count()
    wait_until(lambda: senders.count() > held + 50, 10, "events are accepted after the thaw", every=0.01)
    return red_s, time.time() - thawed


def play_frozen(kind):
    story = Story(kind, "frozen-" + kind)
    story.configure(NOWHERE)
    story.agent.start()
    senders = Senders(story.agent, story.topic, "frozen")
    measured = [freeze_once(story, senders, random.uniform(2, 3)) for _ in range(FREEZES)]
    senders.stop()
    story.acknowledged = senders.acknowledged()
    refused = senders.refused()
    slowest = max(thread.longest_s for thread in senders.threads)
    check(slowest < COMMIT_TIMEOUT_S + 1.5, f"a client waited {slowest:.1f} s for its answer")
    check(any(b"unknown" in body for _, _, body in refused), f"nobody was told that the outcome is unknown: {refused[:3]}")
    arrived = story.delivered()
    story.disk.unmount()
    disks.remove(story.disk)
    story.matrix("A filesystem that hangs (fsfreeze)", f"six clients load; every write and sync hangs for 2 to 3 s, spool.commit_timeout is "
                 f"{COMMIT_TIMEOUT_S:.0f} s", f"{FREEZES} times",
                 f"each client has its 503 after {slowest:.1f} s at most, not ready after {max(m[0] for m in measured):.1f} s, status and "
                 f"metrics answer, accepts {max(m[1] for m in measured):.1f} s after the thaw; {len(story.acknowledged)} events acknowledged, "
                 "0 missing, 0 garbled")
    say(f"{kind}: {arrived} arrived, {len(refused)} refusals")


# ---- a filesystem that becomes read-only -----------------------------------------------------------------------------------------------

def play_read_only():
    story = Story("ext4", "read-only", "errors=remount-ro")
    trigger = f"/sys/fs/ext4/{os.path.basename(story.disk.device())}/trigger_fs_error"
    if not os.path.exists(trigger):
        say("read-only skipped: this kernel has no trigger_fs_error")
        return
    story.configure(kafka.bootstrap)
    story.agent.start()
    senders = Senders(story.agent, story.topic, "read-only")
    wait_until(lambda: senders.count() > 1000, 30, "events are accepted")
    story.acknowledged = senders.acknowledged()
    with open(trigger, "w") as f:
        f.write("an error")
    begun = time.time()
    wait_until(lambda: story.agent.get("/readyz")[0] == 503, 5, "not ready on a read-only filesystem", every=0.005)
    took = time.time() - begun
    story.answers()
    code, headers, body = story.agent.post(story.topic, b"refused")
    check(code == 503 and headers.get("Retry-After"), f"an event for a read-only disk: {code} {headers} {body}")
    check("Read-only" in story.agent.status()["reason"], f"the reason: {story.agent.status()['reason']}")
    wait_until(lambda: story.agent.status()["pending"] == 0, 20, "what is in the spool is delivered all the same")
    check(story.agent.alive(), story.agent.log_tail())
    senders.stop()
    story.agent.stop()
    check_arrived(kafka.bootstrap, story.topic, story.acknowledged)
    story.disk.unmount()
    subprocess.run(["e2fsck", "-p", story.disk.image], stdout=subprocess.DEVNULL)   # 1: it mended something
    story.disk.mount()
    story.disk.remount("ro")
    story.agent.start(wait=False)
    wait_until(lambda: "Read-only" in (story.agent.status() or {}).get("reason", ""), 10, "waits on a read-only filesystem", every=0.01)
    story.disk.remount("rw")
    begun = time.time()
    wait_until(lambda: story.agent.get("/readyz")[0] == 200, 10, "ready once it is writable", every=0.005)
    again = time.time() - begun
    senders = Senders(story.agent, story.topic, "read-only.2")
    wait_until(lambda: senders.count() > 200, 20, "events are accepted")
    senders.stop()
    story.acknowledged.update(senders.acknowledged())
    story.delivered()
    story.disk.unmount()
    disks.remove(story.disk)
    story.matrix("A filesystem that the kernel makes read-only after an error", "under load; mounted again read-only, made writable", "once",
                 f"503 after {took * 1000:.0f} ms, the spool is delivered from the read-only disk, accepts {again * 1000:.0f} ms after it is "
                 f"writable; {len(story.acknowledged)} events acknowledged, 0 missing")


reasons = {kind: why_not(kind, directory) for kind in ("ext4", "xfs")}
if all(reasons.values()):
    skip("; ".join(f"{kind}: {reason}" for kind, reason in reasons.items()))
kafka = Kafka(shared=True)
kafka.start()
for kind, reason in reasons.items():
    if reason:
        say(f"{kind} skipped: {reason}")
        continue
    play_frozen(kind)
    if kind == "ext4":
        play_read_only()
