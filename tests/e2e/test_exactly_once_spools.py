# SPDX-License-Identifier: MIT
"""Which cursor counts: a spool copied, restored, wiped, with its segments deleted, run in the other mode; an offset that is gone.

After each scene the topic holds every event that was taken, each once unless the log has said that some may be repeated.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

from harness import PROGRAM, Agent, Kafka, check, consume, say, temporary_directory, wait_until
from kafka_admin import delete_group, delete_topic

ONCE, AT_LEAST = "bridge:\n  delivery: exactly_once\n", "bridge:\n  delivery: at_least_once\n"
kafka = Kafka()
kafka.start()
scene_number = 0


class Scene:
    """A topic and a spool of its own; numbers events and knows which were taken."""

    def __init__(self, title):
        global scene_number
        scene_number += 1
        say(title)
        self.topic, self.taken, self.last_ids, self.agents = f"scene{scene_number}", 0, {}, []
        self.directory = temporary_directory()

    def agent(self, mode=ONCE, directory=None, bootstrap=None, spool_extra="", clock=None):
        self.agents.append(Agent(directory or self.directory, bootstrap or kafka.bootstrap, spool_extra="  segment_size: 4MiB" + spool_extra,
                                 extra=mode))
        self.agents[-1].set_clock(clock)
        self.agents[-1].start()
        return self.agents[-1]

    def send(self, agent, count, width=1):
        lines = "\n".join(f"{self.taken + i:0{width}d}" for i in range(count))
        code, headers, body = agent.post(self.topic, lines.encode(), "application/x-ndjson")
        check(code == 200, f"refused: {code} {body}")
        self.taken += count
        first_id = int(headers["Penstock-First-Event-Id"])
        last_id = self.last_ids.get(agent.directory, 0)
        check(first_id > last_id, f"ids went back, from {last_id} to {first_id}")
        self.last_ids[agent.directory] = int(headers["Penstock-Last-Event-Id"])

    def run(self, count, mode=ONCE, clock=None):
        agent = self.agent(mode, clock=clock)
        self.send(agent, count)
        agent.wait_drained(30)
        agent.stop()
        return agent

    def expect(self, repeats=0, missing=0):
        values = [row[4] for row in consume(kafka.bootstrap, self.topic)]
        check(len(set(values)) == self.taken - missing, f"{len(set(values))} of {self.taken} events, {missing} of them may miss")
        check(len(values) - len(set(values)) == repeats, f"{len(values) - len(set(values))} repeats instead of {repeats}")


def log_of(agent):
    with open(agent.log_path, errors="replace") as f:
        return f.read()


def wait_for_log(agent, words, seconds=60):
    wait_until(lambda: words in log_of(agent), seconds, f"the log says {words}")


def spool_id(agent):
    return agent.status()["spool_id"]


scene = Scene("drained and stopped, three times")
for _ in range(3):
    agent = scene.run(500)
check("cursor_missing" not in log_of(agent) and log_of(agent).count("kafka=found") == 2, log_of(agent))
scene.expect()

scene = Scene("at_least_once, exactly_once, at_least_once, exactly_once")
for mode in (AT_LEAST, ONCE, AT_LEAST, ONCE, AT_LEAST, ONCE):
    agent = scene.run(300, mode)
check("believed=local" in log_of(agent), "after at_least_once the spool's cursor counts")
scene.expect()

scene = Scene("killed in the first moments of exactly_once, after at_least_once")
scene.run(300, AT_LEAST)
for wait_s in (0.0, 0.02, 0.1, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2):
    agent = scene.agent()
    scene.send(agent, 50)
    time.sleep(wait_s)
    agent.kill()
scene.run(50)
scene.expect()

scene = Scene("segments/ deleted while nothing was pending")
agent = scene.run(500)
shutil.rmtree(os.path.join(scene.directory, "spool/segments"))
os.mkdir(os.path.join(scene.directory, "spool/segments"))
scene.run(500)
scene.expect()

IN_1970 = 3 * 86400
scene = Scene("segments/ deleted, and the clock in 1970")
scene.run(300)
shutil.rmtree(os.path.join(scene.directory, "spool/segments"))
for _ in range(2):
    agent = scene.run(300, clock=IN_1970)
    check("event=started" in log_of(agent) and "time=1970-01-0" in log_of(agent), "it believes that it is 1970")
agent = scene.agent(clock=IN_1970)
for _ in range(10):
    scene.send(agent, 50)
agent.kill()                # some of them in Kafka, some not
agent = scene.run(300, clock=IN_1970)
check("event=cursor_not_believed" not in log_of(agent), f"nobody has to do anything:\n{agent.log_tail()}")
scene.run(300)              # the right time again
scene.expect()

scene = Scene("a second agent with the same spool")
first = scene.agent()
scene.send(first, 100)
directory = temporary_directory()
os.symlink(os.path.join(scene.directory, "spool"), os.path.join(directory, "spool"))
second = Agent(directory, kafka.bootstrap, extra=ONCE)
second.start(wait=False)
check(second.process.wait(20) == 1, "the second ends at once")
check(f"in use by process {first.process.pid}" in log_of(second), f"and says why: {log_of(second)}")
scene.send(first, 100)
first.kill()
second.start()
scene.send(second, 100)
second.wait_drained(30)
second.stop()
scene.expect()

scene = Scene("cursors deleted")
agent = scene.agent()
scene.send(agent, 500)
agent.wait_drained(30)
scene.send(agent, 100)
agent.kill()
os.unlink(os.path.join(scene.directory, "spool/cursors"))
scene.run(100)
scene.expect()

def lose_directory(segment):
    shutil.rmtree(segment)


def damage_header(segment):
    with open(os.path.join(segment, "000003.log"), "r+b") as f:
        f.write(os.urandom(100))


for title, damage in (("is gone", lose_directory), ("has a damaged header", damage_header)):
    scene = Scene("killed, and then the segment that Kafka's cursor names " + title)
    scene.run(100)
    agent = scene.agent(spool_extra="\n  cursor_interval: 60s")   # the spool's own cursor stays behind
    first = agent.status()["spool"]["live_segment"]
    while agent.status()["spool"]["live_segment"] == first:   # an older one is still there: Kafka's cursor isn't before everything
        scene.send(agent, 50, width=10000)
    scene.send(agent, 500)
    agent.wait_drained(30)
    newest = agent.status()["spool"]["live_segment"]
    agent.kill()
    damage(os.path.join(scene.directory, "spool/segments", newest))
    for _ in range(2):
        agent = scene.run(100)
        check("event=cursor_not_believed" not in log_of(agent), f"nobody has to do anything:\n{agent.log_tail()}")
    scene.expect()

scene = Scene("the spool wiped and made again")
agent = scene.run(500)
shutil.rmtree(os.path.join(scene.directory, "spool"))
scene.run(500)
scene.expect()

scene = Scene("restored from a backup that held pending events")
scene.run(100)
away = scene.agent(bootstrap="127.0.0.1:1")
scene.send(away, 300)
away.kill()
backup = os.path.join(scene.directory, "backup")
shutil.copytree(os.path.join(scene.directory, "spool"), backup, ignore=shutil.ignore_patterns("admin.sock"))
scene.run(200)
shutil.rmtree(os.path.join(scene.directory, "spool"))
shutil.move(backup, os.path.join(scene.directory, "spool"))
agent = scene.agent()
wait_for_log(agent, "event=cursor_not_believed")
scene.send(agent, 50)
time.sleep(1)
check(agent.status()["pending"] == 350, f"nothing is forwarded: {agent.status()['pending']}")
check(agent.get("/readyz")[0] == 200, "ingest goes on")
scene.expect(missing=50)
delete_group(kafka.bootstrap, f"penstock.{spool_id(agent)}")   # as the log says, without a stop
agent.wait_drained(60)
wait_for_log(agent, "event=cursor_missing")
agent.stop()
scene.expect(repeats=300)


def new_id(scene):
    return subprocess.run([PROGRAM, "init", "--new-id", "--spool", os.path.join(scene.directory, "spool")], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20, text=True)


scene = Scene("restored from a backup, and given a new id")
scene.run(100)
away = scene.agent(bootstrap="127.0.0.1:1")
scene.send(away, 300)      # pending in the backup, delivered after it
away.kill()
backup = os.path.join(scene.directory, "backup")
shutil.copytree(os.path.join(scene.directory, "spool"), backup, ignore=shutil.ignore_patterns("admin.sock"))
scene.run(200)             # not in the backup
shutil.rmtree(os.path.join(scene.directory, "spool"))
shutil.move(backup, os.path.join(scene.directory, "spool"))
agent = scene.agent()
old = spool_id(agent)
wait_for_log(agent, "event=cursor_not_believed")
check("penstock init --new-id" in log_of(agent).split("event=cursor_not_believed")[1].split("\n")[0], "the log says what to do")
scene.send(agent, 50)      # taken while it stood still
done = new_id(scene)
check(done.returncode == 1 and f"process {agent.process.pid}" in done.stderr, f"not while an agent runs: {done}")
agent.kill()
done = new_id(scene)
check(done.returncode == 0 and old in done.stderr and done.stdout.strip() != old, f"{done}")
agent = scene.agent()
check(spool_id(agent) == done.stdout.strip(), "the new id is the spool's")
books = agent.wait_drained(60)
check(books["accepted"] == books["delivered"] == 450, f"nothing of what came after the backup is known to it: {books}")
scene.send(agent, 50)
agent.wait_drained(30)
agent.stop()
agent = scene.run(50)      # and from then on Kafka has a cursor of the new id
check("event=cursor_not_believed" not in log_of(agent).split("event=started")[-1] and "kafka=found" in log_of(agent), "as ever")
scene.expect(repeats=300)

scene = Scene("a copy runs beside the one it was made of")
first = scene.agent()
scene.send(first, 500)
first.wait_drained(30)
time.sleep(1.5)   # the cursors are on the disk
copy = temporary_directory()
shutil.copytree(os.path.join(scene.directory, "spool"), os.path.join(copy, "spool"), ignore=shutil.ignore_patterns("admin.sock"))
second = scene.agent(directory=copy)
for _ in range(10):
    scene.send(first, 30)
    scene.send(second, 30)
    time.sleep(0.3)
stopped, other = (first, second)
wait_until(lambda: "event=cursor_not_believed" in log_of(first) or "event=cursor_not_believed" in log_of(second), 60, "one of them stops")
if "event=cursor_not_believed" in log_of(second):
    stopped, other = (second, first)
wait_until(lambda: other.status()["pending"] == 0, 60, "the other goes on")
time.sleep(3)
check("event=cursor_not_believed" not in log_of(other), "only one of them stops")
pending = stopped.status()["pending"]
recreations = log_of(first).count("producer_recreated") + log_of(second).count("producer_recreated")
say(f"  {pending} events stay pending in the one that stopped; {recreations} producers were fenced")
check(pending > 0 and recreations < 10, "they don't fight")
scene.expect(missing=pending)
stopped.stop()
other.stop()

scene = Scene("other Kafka properties, five times under load")
agent = scene.agent()
scene.send(agent, 1)
agent.wait_drained(30)
with open(agent.config) as f:
    before = f.read()
for i in range(5):
    for _ in range(20):
        scene.send(agent, 50)
    with open(agent.config, "w") as f:
        f.write(before.replace("  bootstrap.servers:", f"  client.id: c{i}\n  bootstrap.servers:"))
    agent.process.send_signal(signal.SIGHUP)
    for _ in range(20):
        scene.send(agent, 50)
    wait_until(lambda: log_of(agent).count("event=producer_recreated") == i + 1, 20, "it has a new producer")
    agent.wait_drained(30)
agent.stop()
scene.expect()

scene = Scene("the cursor topic deleted: the cursor is gone")
agent = scene.run(500)
delete_topic(kafka.bootstrap, "penstock.cursors")
time.sleep(2)
agent = scene.run(500)
check("event=cursor_missing" in log_of(agent), "that is said loudly")
scene.expect()

say("with --mock-kafka it says that it is at-least-once")
directory = temporary_directory()
config = os.path.join(directory, "c.yaml")
with open(config, "w") as f:
    f.write(f"spool:\n  path: {directory}/spool\nlisten:\n  http: ['unix:{directory}/s']\n{ONCE}")
process = subprocess.Popen([PROGRAM, "run", "--config", config, "--mock-kafka"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
time.sleep(1.5)
process.terminate()
out = process.communicate(timeout=20)[0].decode()
check("event=delivering_at_least_once" in out, out)
kafka.kill()
