# SPDX-License-Identifier: MIT
"""Power loss on real filesystems: ext4 and XFS in images, shut down without a last word to their journals (FS_IOC_SHUTDOWN) under load.

Each round: clients load the agent, what they hold acknowledged is noted, the filesystem is shut down, mounted again, and the spool read
(`penstock spool export`): every event noted must be there whole, or behind the cursors and in Kafka. Small segments, so that there is
rotation, and with Kafka retiring, in every round. One filesystem goes through all rounds, now and then a fresh one takes its turn.
One round with a library that makes fdatasync do nothing shows that losses would be seen. Exit code 77: nothing of this can be done here.

    test_filesystems.py [--rounds N] [--seed N] [--only ext4|xfs] [--plant]
"""
import argparse
import collections
import json
import os
import subprocess
import time

from harness import PRELOAD_DISK, PROGRAM, Agent, Kafka, check, fail, say, seed_from_environment, temporary_directory, wait_until
from loop_disk import LoopDisk, enter_own_namespace, skip, unmount_at_exit, why_not, write_config
from senders import Senders, check_arrived, check_value

enter_own_namespace(__file__)

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=int(os.environ.get("PENSTOCK_FILESYSTEM_ROUNDS", "15")))
parser.add_argument("--seed")
parser.add_argument("--only", choices=("ext4", "xfs"))
parser.add_argument("--plant", action="store_true", help="syncs do nothing in all rounds: the test must fail")
arguments = parser.parse_args()
if arguments.seed:
    os.environ["PENSTOCK_SEED"] = arguments.seed

NOWHERE = "127.0.0.1:1"   # no Kafka there: the spool only grows
FRESH_EVERY = 5           # rounds

random = seed_from_environment()
directory = temporary_directory()
disks = []
unmount_at_exit(disks)

Finding = collections.namedtuple("Finding", "held missing around_missing problems")


class World:
    """A filesystem with a spool, and what is known of it."""

    def __init__(self, kind, name, topic):
        self.disk = LoopDisk(directory, kind, name)
        disks.append(self.disk)
        self.spool = os.path.join(self.disk.point, "spool")
        self.topic, self.name = topic, name
        self.acknowledged = {}    # name -> id, what was noted before the filesystem was shut down
        self.delivered = set()    # names that are no longer in the spool because Kafka has them
        own = os.path.join(directory, name + "-agent")
        os.mkdir(own)
        self.agent = Agent(own, NOWHERE)
        self.disk.mount()

    def start(self, bootstrap, lying=False):
        # A sync that "succeeded" in the very moment (see lose_power) may take away a segment that Kafka has meanwhile: with exactly_once
        # the spool then has gone back behind Kafka's cursor, which waits for people, as it should (e2e_exactly_once_spools).
        write_config(self.agent, self.spool, self.disk.point, bootstrap, delivery="at_least_once", cursor_interval="200ms")
        self.agent.environment = dict(os.environ, LD_PRELOAD=PRELOAD_DISK, PENSTOCK_DISK_LIES="1") if lying else None
        begun = time.time()
        self.agent.start()
        return time.time() - begun

    def segments(self):
        return len(os.listdir(os.path.join(self.spool, "segments")))

    def done_id(self):
        """Up to where the cursors say that Kafka has this topic."""
        done = subprocess.run([PROGRAM, "spool", "ls", self.spool], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        line = done.stdout.decode(errors="replace").split("\n")[0]
        if not line.startswith("delivered up to "):
            return 0
        words = line[len("delivered up to "):].split(" up to ")
        for lane, rest in zip(words, words[1:]):
            if lane.split()[-1] == self.topic:
                return int(rest.split(",")[0])
        return int(words[0].split(",")[0])

    def export(self):
        """name -> id of all that the spool holds; fails when a value is not exactly what somebody sent."""
        found = {}
        out = os.path.join(directory, "export")
        with open(out, "wb") as f:
            done = subprocess.run([PROGRAM, "spool", "export", self.spool], stdout=f, stderr=subprocess.PIPE, timeout=120)
        with open(out) as f:
            for line in f:
                event = json.loads(line)
                name = check_value(event.get("value", ""))
                check(name is not None and event["topic"] == self.topic, f"{self.name}: a garbled event: {line[:300]}")
                found[name] = int(event["id"])
        return found, done.stderr.decode(errors="replace")

    def look(self, around):
        """What is neither in the spool nor, as its cursors say, in Kafka. Notes what Kafka must have."""
        found, problems = self.export()
        done_id = self.done_id()   # later than the export: what retired meanwhile is behind it
        for name, id in self.acknowledged.items():
            check(found.get(name, id) == id, f"{self.name}: {name} was acknowledged as {id} and is {found.get(name)}")
        self.delivered.update(name for name, id in self.acknowledged.items() if name not in found and id <= done_id)

        def absent(names):
            return [name for name, id in names.items() if name not in found and id > done_id]
        return Finding(len(found), absent(self.acknowledged), absent(around), problems.strip())


# ---- one round ----------------------------------------------------------------------------------------------------------------------

def holds_nothing(world):
    fds = f"/proc/{world.agent.process.pid}/fd"
    for fd in os.listdir(fds):
        try:
            if os.readlink(os.path.join(fds, fd)).startswith(world.spool):
                return False
        except OSError:   # closed meanwhile
            continue
    return True


def refuses_and_lives(world):
    agent = world.agent
    wait_until(lambda: agent.get("/readyz")[0] == 503, 5, "the agent is not ready without its disk", every=0.01)
    code, headers, body = agent.post(world.topic, b"refused")
    check(code == 503 and int(headers.get("Retry-After", 0)) > 0, f"an event without a disk: {code} {headers} {body}")
    check(agent.get("/healthz")[0] == 200 and agent.status()["reason"] and agent.get("/metrics")[0] == 200, "it tells how it is")
    check(agent.alive(), f"the agent ended with its disk:\n{agent.log_tail()}")


def lose_power(world, senders):
    """Noted first: a sync that runs while a filesystem is shut down may succeed and be lost, for every program (Linux 6.18: one time in
    ten on ext4, one in fifty on XFS). Between a real power cut and the answer to a client nothing of the kind can happen."""
    world.acknowledged.update(senders.acknowledged())
    world.disk.shut_down()


def since(world, senders):
    return {name: id for name, id in senders.acknowledged().items() if name not in world.acknowledged}


def end_with_kill(world, senders, after_s):
    lose_power(world, senders)
    time.sleep(after_s)
    world.agent.kill()
    senders.stop()
    world.disk.unmount()
    world.disk.mount()
    return since(world, senders)


def end_alive(world, senders):
    """The agent is never restarted: it lets go of the dead filesystem, and takes the spool up when it is back."""
    lose_power(world, senders)
    refuses_and_lives(world)
    wait_until(lambda: holds_nothing(world), 10, "the agent has let go of the dead filesystem")
    around = since(world, senders)
    world.disk.unmount()
    world.disk.mount()
    before = senders.count()
    wait_until(lambda: world.agent.get("/readyz")[0] == 200, 10, "the agent took the spool up again", every=0.01)
    wait_until(lambda: senders.count() > before + 20, 10, "events are accepted again")
    senders.stop()
    world.acknowledged.update((name, id) for name, id in senders.acknowledged().items() if name not in around)
    return around


# Each returns what was acknowledged around the very moment: after it was noted what was acknowledged before.
ENDINGS = (("killed at once", lambda world, senders: end_with_kill(world, senders, 0)),
           ("killed later", lambda world, senders: end_with_kill(world, senders, random.uniform(0.05, 0.4))),
           ("left running", end_alive))


def play_round(world, number, tally, lying=False):
    """Returns the names that are missing."""
    delivers = number % 2 == 0
    ending, end = ENDINGS[number // 2 % (2 if lying else 3)]   # with and without deliveries each
    known = len(world.acknowledged)
    if world.agent.process is not None and world.agent.alive():
        world.agent.kill()
    start_s = world.start(kafka.bootstrap if delivers else NOWHERE, lying)
    first_segment = int(world.agent.status()["spool"]["live_segment"])
    senders = Senders(world.agent, world.topic, f"{world.name}.{number}")
    wait_until(lambda: senders.count() > 100, 20, "the first events are accepted")
    time.sleep(random.uniform(0, 1.5))
    rotations = sum(int(name) > first_segment for name in os.listdir(os.path.join(world.spool, "segments")) if name.isdigit())
    around = end(world, senders)
    finding = world.look(around)
    noted = len(world.acknowledged) - known
    tally.update({"rounds": 1, "delivering": delivers, ending: 1, "events": noted, "rotations": rotations, "around": len(around),
                  "around missing": len(finding.around_missing)})
    tally["start ms"] = max(tally["start ms"], round(start_s * 1000))
    say(f"{world.name} round {number}: {ending}, {'with' if delivers else 'no'} deliveries, {noted} acknowledged, {rotations} rotations, "
        f"{finding.held} in the spool, {len(finding.missing)} missing"
        + (f"; {len(around)} more at the very moment, {len(finding.around_missing)} of them missing" if around else "")
        + (f" [{finding.problems[:200]}]" if finding.problems else ""))
    return finding.missing


# ---- all of them --------------------------------------------------------------------------------------------------------------------

def arrives(worlds, topic, last):
    """The last one's spool is delivered; then Kafka has all that the cursors said it had."""
    if last.agent.process is not None and last.agent.alive():
        last.agent.kill()
    last.start(kafka.bootstrap)
    try:
        books = last.agent.wait_drained(60)
    except SystemExit:
        print(last.agent.log_tail(), flush=True)
        raise
    last.agent.stop()
    check(books["lost"] == 0, f"the books say {books['lost']} lost")
    return check_arrived(kafka.bootstrap, topic, set(last.acknowledged).union(*(world.delivered for world in worlds)))


def losses_would_be_seen(kind, topic):
    """fdatasync does nothing: the same round, and events must be missing."""
    world = World(kind, f"{kind}-control", topic)
    missing = play_round(world, 1, collections.Counter(), lying=True)
    check(missing, f"{kind}: fdatasync did nothing, and nothing is missing: this test could not see a loss")
    say(f"{kind}: with syncs that do nothing {len(missing)} of {len(world.acknowledged)} acknowledged events are missing: losses are seen")
    finish(world)
    return len(missing), len(world.acknowledged)


def finish(world):
    if world.agent.process is not None and world.agent.alive():
        world.agent.kill()
    world.disk.unmount()
    world.disk.remove()
    disks.remove(world.disk)


def play(kind):
    topic = kafka.topic(kind)
    tally = collections.Counter()
    lasting = World(kind, kind, topic)
    worlds = [lasting]
    for number in range(arguments.rounds):
        fresh = number % FRESH_EVERY == FRESH_EVERY - 1
        world = World(kind, f"{kind}-fresh{number}", topic) if fresh else lasting
        missing = play_round(world, number, tally, arguments.plant)
        if missing:
            print(world.agent.log_tail())
            fail(f"{world.name} round {number}: {len(missing)} acknowledged events are missing, e.g. {sorted(missing)[:5]}")
        if fresh:
            tally["fresh"] += 1
            worlds.append(world)
            finish(world)
    arrived = arrives(worlds, topic, lasting)
    finish(lasting)
    seen, of = losses_would_be_seen(kind, topic)
    print(f"MATRIX: Power loss on {'ext4' if kind == 'ext4' else 'XFS'}: the filesystem shut down without writing its journal "
          f"(FS_IOC_SHUTDOWN, NOLOGFLUSH), mounted again | six clients write, segments rotate ({tally['rotations']} times); "
          f"{tally['delivering']} times while events were delivered and segments retired, {tally['fresh']} times on a fresh filesystem, "
          f"{tally['left running']} times with an agent that was never restarted | {tally['rounds']} times | {tally['events']} events had "
          f"been acknowledged: 0 missing, 0 garbled, 0 reported as lost; each start took at most {tally['start ms']} ms. Control: with "
          f"fdatasync disabled {seen} of {of} were missing, so losses are seen", flush=True)
    say(f"{kind}: {arrived} arrived in Kafka; {tally['around']} more were acknowledged around the moment, {tally['around missing']} of them "
        f"missing")


kinds = [arguments.only] if arguments.only else ["ext4", "xfs"]
reasons = {kind: why_not(kind, directory) for kind in kinds}
if all(reasons.values()):
    skip("; ".join(f"{kind}: {reason}" for kind, reason in reasons.items()))
kafka = Kafka(shared=True)
kafka.start()
for kind in kinds:
    if reasons[kind]:
        say(f"{kind} skipped: {reasons[kind]}")
    else:
        play(kind)
