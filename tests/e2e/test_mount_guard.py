# SPDX-License-Identifier: MIT
"""The mount guard with real mounts, in a mount namespace of its own: a filesystem that comes late, goes away under load, is hidden by
another, is restored on another disk, dies. The agent always listens, refuses with the reason within a second, goes on by itself; all it
acknowledged arrives, and whatever was in the wrong place stays as it was. Exit code 77: such mounts can't be made here."""
import atexit
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from skips import lacks, skip   # noqa: E402

FSTAB = "/etc/fstab"
NOTICED_S = 1.0   # the promise, both ways


if os.environ.get("PENSTOCK_MOUNT_NAMESPACE") != "own":
    if os.geteuid() != 0 or not os.path.exists(FSTAB) or shutil.which("unshare") is None:
        lacks(f"needs root, {FSTAB} and unshare")
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stderr=subprocess.DEVNULL).returncode != 0:
        skip("no mounts of one's own here")
    os.environ["PENSTOCK_MOUNT_NAMESPACE"] = "own"
    os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])

from harness import PROGRAM, Agent, Kafka, Record, check, check_delivery, consume, load, say, seed_from_environment, \
    temporary_directory, wait_until  # noqa: E402


def run(*words, ok=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(not ok or done.returncode == 0, f"{' '.join(words)}: {done.stdout.decode(errors='replace')}")
    return done.returncode == 0


random = seed_from_environment()
directory = temporary_directory()
point = os.path.join(directory, "mnt")         # what fstab names
spool = os.path.join(point, "spool")
beneath = os.path.join(directory, "beneath")   # the same tree without what is mounted in it
fstab = os.path.join(directory, "fstab")
loops = []


def clean_up():
    for path in (point, beneath, os.path.join(directory, "other")):
        while os.path.ismount(path) and run("umount", "-l", path, ok=False):
            pass
    for device in loops:
        run("losetup", "-d", device, ok=False)


atexit.register(clean_up)
for path in (point, beneath):
    os.mkdir(path)
run("mount", "--bind", directory, beneath)
with open(fstab, "w") as f:
    f.write(f"# a comment\n/dev/disk/by-label/spool {point} ext4 defaults,nofail 0 2\n{directory}/noauto {spool} none bind,noauto 0 0\n")
run("mount", "--bind", fstab, FSTAB)


class Disk:
    """ext4 on a loop device; without loop devices a directory of a tmpfs, which can be mounted again, too."""

    def __init__(self, name):
        self.device, self.kept = None, None
        image = os.path.join(directory, name + ".img")
        with open(image, "wb") as f:
            f.truncate(300 << 20)
        if shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", image, ok=False):
            made = subprocess.run(["losetup", "-f", "--show", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if made.returncode == 0:
                self.device = made.stdout.decode().strip()
                loops.append(self.device)
                return
        self.kept = os.path.join(directory, name)
        os.mkdir(self.kept)
        run("mount", "-t", "tmpfs", "tmpfs", self.kept)

    def mount(self, at=point, options="rw"):
        if self.device:
            run("mount", "-o", options, self.device, at)
        else:
            run("mount", "--bind", self.kept, at)

    def is_ext4(self):
        return self.device is not None


def tree(path):
    """Everything below, with sizes and times: what must not change."""
    found = {}
    for where, names, files in os.walk(path):
        for name in [""] + names + files:
            status = os.lstat(os.path.join(where, name))
            found[os.path.relpath(os.path.join(where, name), path)] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def write_config(agent, *settings):
    lines = "".join(f"  {setting}\n" for setting in settings)
    with open(agent.config, "w") as f:
        f.write(f"spool:\n  path: {spool}\n  min_free: 8MiB\n  segment_size: 4MiB\n{lines}"
                f"listen:\n  http: [\"127.0.0.1:{agent.port}\"]\n  threads: 4\n"
                f"kafka:\n  bootstrap.servers: {kafka.bootstrap}\n")


def posted():
    return agent.post(topic, b"probe")[0] == 200


def reason():
    return agent.status()["reason"]


def refuses(begun, *words):
    """Within a second of begun, and says why; clients may come back."""
    wait_until(lambda: agent.get("/readyz")[0] == 503, 5, "the agent is not ready", every=0.005)
    code, headers, body = agent.post(topic, b"probe")
    took = time.time() - begun
    check(code == 503 and int(headers.get("Retry-After", 0)) > 0, f"an event without a spool: {code} {headers} {body}")
    check(took < NOTICED_S, f"noticed after {took:.2f} s")
    check(agent.get("/healthz")[0] == 200, "the process is well")
    for word in words:
        check(word in reason() and word.encode() in body, f"'{word}' is not in the reasons: {reason()} {body}")
    return took


def goes_on(begun):
    end = time.time() + 10
    while not posted() and time.time() < end:
        time.sleep(0.005)
    check(time.time() < end, f"not accepted again: {agent.post(topic, b'probe')}\n{agent.log_tail()}")
    took = time.time() - begun
    check(took < NOTICED_S, f"accepted again after {took:.2f} s")
    return took


def stays(path, before):
    """For long enough to try several times: nothing is written there."""
    time.sleep(1.0)
    check(tree(path) == before, f"{path} was {before}, is {tree(path)}")


kafka = Kafka(shared=True)
kafka.start()
topic = kafka.topic("mount")
agent = Agent(directory, kafka.bootstrap)
disk = Disk("disk")
say(f"spool on {'ext4 on ' + disk.device if disk.is_ext4() else 'a bind-mounted tmpfs'}, seen through {point}")

# ---- the filesystem comes late ------------------------------------------------------------------------------------------
write_config(agent, "mount_wait: 1s", "create: true")
begun = time.time()
agent.start(wait=False)
check(agent.process.wait(20) == 1 and 0.9 < time.time() - begun < 5, f"mount_wait ends with 1:\n{agent.log_tail()}")
check("mount_wait" in agent.log_tail() and f"'{point}' is not mounted" in agent.log_tail(), agent.log_tail())
check(not run(PROGRAM, "init", "--config", agent.config, ok=False), "init doesn't make a spool where its mount is missing")
check(os.listdir(point) == [], "nothing was made in the mount point")
say("mount_wait gives up; nothing was made")

write_config(agent, "create: true")
agent.start(wait=False)
record_path = os.path.join(directory, "record")
loader = load(agent, connections=32, keys=4, topics=topic, seconds=1800, sender="g", record=record_path, size=300, rate=4000)
wait_until(lambda: agent.get("/healthz")[0] == 200, 10, "it listens", every=0.01)
wait_until(lambda: "is not mounted" in reason(), 5, "the reason is known")
refuses(time.time(), point, "is not mounted")
stays(point, tree(point))
time.sleep(random.random() * 2)
disk.mount()
late = goes_on(time.time())
check(os.listdir(os.path.join(beneath, "mnt")) == [], "nothing was made beside the filesystem")
say(f"the filesystem came late: accepted {late * 1000:.0f} ms after the mount")

# ---- it goes away under load, and comes back ----------------------------------------------------------------------------
empty = tree(os.path.join(beneath, "mnt"))
spool_id, gone, back = agent.status()["spool_id"], [], []
for _ in range(4):
    accepted = agent.status()["accepted"]
    wait_until(lambda: agent.status()["accepted"] > accepted + 500 + random.random() * 3000, 30, "events are accepted")
    run("umount", "-l", point)
    gone.append(refuses(time.time(), point, "is not mounted"))
    stays(os.path.join(beneath, "mnt"), empty)
    disk.mount()
    back.append(goes_on(time.time()))
check(agent.status()["spool_id"] == spool_id, "it is the same spool")
check(agent.status()["spool"]["segments_abandoned"] == 0, "no write failed: the open files stay where they are")
say(f"umount -l under load: refused after {max(gone) * 1000:.0f} ms at most, accepted again after {max(back) * 1000:.0f} ms at most")

# ---- another filesystem hides it ----------------------------------------------------------------------------------------
other = os.path.join(directory, "other")
os.mkdir(other)


def holds_nothing():
    """The agent has no file of the spool open, so that its filesystem can really end."""
    fds = f"/proc/{agent.process.pid}/fd"
    links = []
    for fd in os.listdir(fds):
        try:
            links.append(os.readlink(os.path.join(fds, fd)))
        except OSError:   # closed meanwhile
            continue
    return not any("/spool" in link for link in links)


def hides_it(label, *words):
    """What is prepared in `other` is mounted over the spool's filesystem, and stays as it is."""
    before = tree(other)
    run("mount", "--bind", other, point)
    took = refuses(time.time(), *words)
    wait_until(lambda: agent.status()["spool"]["queued_bytes"] == 0, 5, "what was taken before is committed")
    accepted = agent.status()["accepted"]
    stays(other, before)
    check(agent.status()["accepted"] == accepted, "nothing is accepted meanwhile")
    run("umount", point)
    say(f"hidden by {label}: refused after {took * 1000:.0f} ms, accepted again after {goes_on(time.time()) * 1000:.0f} ms")


hides_it("an empty directory", "No such file")
run("mount", "-t", "tmpfs", "tmpfs", other)
os.makedirs(os.path.join(other, "spool", "segments"))
hides_it("a filesystem with the folders of a spool", "another directory")
run(PROGRAM, "init", "--spool", os.path.join(other, "spool2"))
shutil.rmtree(os.path.join(other, "spool"))
os.rename(os.path.join(other, "spool2"), os.path.join(other, "spool"))
hides_it("another spool", "another spool")
run("umount", other)

# ---- the directory is replaced ------------------------------------------------------------------------------------------
os.rename(spool, spool + ".away")
os.mkdir(spool)
took = refuses(time.time(), "another directory")
stays(spool, tree(spool))
os.rmdir(spool)
os.rename(spool + ".away", spool)
say(f"directory replaced: refused after {took * 1000:.0f} ms, accepted again after {goes_on(time.time()) * 1000:.0f} ms")

# ---- the disk dies; it is unmounted, and mounted again ------------------------------------------------------------------
if disk.is_ext4():
    EXT4_IOC_SHUTDOWN, NOLOGFLUSH = 0x8004587D, 2
    os.sync()   # the renames above were this test's own
    fd = os.open(point, os.O_RDONLY)
    fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
    os.close(fd)
    took = refuses(time.time(), "rror")
    wait_until(holds_nothing, 10, "the agent has let go of the dead filesystem")
    run("umount", point)
    disk.mount()
    say(f"dead filesystem: refused after {took * 1000:.0f} ms, let go of, mounted again, accepted {goes_on(time.time()) * 1000:.0f} ms later")

# ---- the same spool comes back on another disk --------------------------------------------------------------------------
os.kill(loader.pid, 19)   # SIGSTOP: what is copied must be all that was acknowledged
agent.wait_drained(60)
second = Disk("second")
second.mount(other)
run("cp", "-a", spool, other)
run("umount", other)
run("umount", "-l", point)
refuses(time.time(), point)
second.mount()
took = goes_on(time.time())
os.kill(loader.pid, 18)
check(agent.status()["spool_id"] == spool_id, "it is the same spool again")
check(os.path.isdir(os.path.join(spool, "segments", agent.status()["spool"]["live_segment"])), "it is written to on the new disk")
accepted = agent.status()["accepted"]
wait_until(lambda: agent.status()["accepted"] > accepted + 2000, 30, "events are accepted")
say(f"restored on another disk: accepted {took * 1000:.0f} ms after the mount")

# ---- all of it arrives --------------------------------------------------------------------------------------------------
loader.terminate()
loader.wait()
books = agent.wait_drained(90)
agent.stop()
rows = [row for row in consume(kafka.bootstrap, topic) if row[4] != "probe"]
record = Record(record_path, "g")
repeats, distinct = check_delivery(rows, record, "mount guard")
check(len(record.acknowledged) >= 5000, "too few acknowledged events to mean anything")
check(books["lost"] == 0, f"the books say {books['lost']} lost")
check(tree(os.path.join(beneath, "mnt")) == empty, "the directory below the mount is as it was")
with open(agent.log_path) as f:
    lines = f.read()
check(lines.count("event=spool_missing") < 40, "one line a reason, not one a try")
say(f"{len(record.acknowledged)} acknowledged, 0 missing, {len(record.unknown)} unknown, {repeats} repeats")

# ---- read-only, the wrong id, and filesystems that forget ----------------------------------------------------------------
run("umount", point)
if disk.is_ext4():
    second.mount(options="ro")
    before = tree(spool)
    write_config(agent, "create: true")
    agent.start(wait=False)
    wait_until(lambda: agent.get("/readyz")[0] == 503 and "Read-only" in reason(), 10, "the reason is known")
    refuses(time.time(), "Read-only file system")
    stays(spool, before)
    run("mount", "-o", "remount,rw", point)
    say(f"read-only: waited for; accepted {goes_on(time.time()) * 1000:.0f} ms after it became writable")
    agent.stop()
    run("umount", point)

second.mount()
before = tree(point)
wrong = "0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51"
write_config(agent, "create: true", f"id: {wrong}")
agent.start(wait=False)
wait_until(lambda: agent.get("/readyz")[0] == 503 and wrong in reason(), 10, "the reason is known")
refuses(time.time(), spool_id, wrong)
stays(point, before)
agent.stop()
run("umount", point)
say("wrong spool.id: refused, untouched")

spool = point   # the filesystem's own root: it has the same inode number in every tmpfs
run("mount", "-t", "tmpfs", "tmpfs", point)
write_config(agent, "create: true")
agent.start()
check(any("tmpfs" in warning for warning in agent.status()["warnings"]), f"warnings: {agent.status()['warnings']}")
check("event=spool_is_volatile" in agent.log_tail() and "tmpfs" in agent.log_tail(), agent.log_tail())
check("tmpfs" in agent.get("/status.txt")[1].decode(), "people see it too")
run("mount", "-t", "tmpfs", "tmpfs", point)
refuses(time.time(), "another directory")
stays(point, tree(point))
run("umount", point)
goes_on(time.time())
agent.stop()
run("umount", point)
run("mount", "-t", "tmpfs", "tmpfs", point)
for name in ("lower", "upper", "work", "merged"):
    os.mkdir(os.path.join(point, name))
spool = os.path.join(point, "merged", "spool")
layers = ",".join(f"{what}dir={point}/{what.replace('dir', '')}" for what in ("lower", "upper", "work"))
for kind, words in (("volatile,", "a volatile overlayfs"), ("", "on overlayfs")):
    if run("mount", "-t", "overlay", "overlay", "-o", kind + layers, os.path.join(point, "merged"), ok=False):
        write_config(agent, "create: true")
        agent.start()
        check(words in "".join(agent.status()["warnings"]), f"warnings: {agent.status()['warnings']}")
        agent.stop()
        run("umount", os.path.join(point, "merged"))
        shutil.rmtree(os.path.join(point, "work"))
        os.mkdir(os.path.join(point, "work"))
say("tmpfs and overlays are warned of")
