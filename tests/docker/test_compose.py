# SPDX-License-Identifier: MIT
"""docker/compose.yaml as a user would run it, with everything happening to it: the agent killed, Kafka stopped under load, the
spool's volume damaged, all of it down and up. Every event that was acknowledged arrives, once."""
import collections
import json
import os
import signal
import sys
import time

from engine import SOURCE, Engine, say
from stack import PortSender, SocketSender, Stack, check, fail, wait_until

SECONDS_MAX = 780
# Sets a bit in the middle one of the events that begin with "dark-" in the newest log that has some; prints the log's name.
DAMAGE = r"""
set -eu
for log in $(ls -t /spool/spool/segments/*/*.log); do
    at=$(grep -abo 'dark-[0-9]' "$log" | cut -d: -f1 | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }')
    [ -n "$at" ] || continue
    printf '\377' | dd of="$log" bs=1 seek=$((at + 2)) conv=notrunc status=none
    echo "$log"
    exit
done
exit 1
"""


class Books:
    """What was acknowledged so far, against what a consumer sees."""

    def __init__(self):
        self.once, self.lost = [], 0

    def check(self, stack):
        """All of them are there, each once; but for `lost` of them, which the agent reports. Events of the compose file's own load may
        repeat: it sends again what it had no answer for."""
        arrived = collections.Counter(stack.consume())
        missing = [name for name in self.once if name not in arrived]
        twice = [name for name, count in arrived.items() if count > 1 and not name.startswith("load-")]
        check(len(missing) == self.lost, f"{len(missing)} of {len(self.once)} acknowledged events are missing, {self.lost} were reported: {missing[:5]}")
        check(not twice, f"{len(twice)} events arrived twice: {twice[:5]}")
        check(any(name.startswith("load-") for name in arrived), "nothing came from the compose file's own load")
        say(f"{len(self.once)} acknowledged, {len(missing)} missing ({self.lost} reported lost), none twice")


def up(stack, *services):
    stack("up", "-d", "--no-build", *services, seconds=300)
    wait_until(stack.status, 90, "the agent answers on the published port")


def check_image(stack):
    image = json.loads(stack.engine.docker("image", "inspect", stack.image))[0]
    config = image["Config"]
    labels = {name.rsplit(".", 1)[1]: text for name, text in (config["Labels"] or {}).items() if name.startswith("org.opencontainers.image.")}
    check(all(labels.get(name) for name in ("title", "description", "licenses", "version")), f"the labels of the image: {labels}")
    version = stack.in_image("penstock", "version").split()
    check(labels["version"] in version, f"the label says {labels['version']}, the program {version}")
    check(config["User"] == "penstock" and "/var/lib/penstock" in config["Volumes"] and config["Healthcheck"], "user, volume and health check")
    say(f"the image: {image['Size'] // 10**6} MB, version {labels['version']}")


def check_container(stack):
    user = stack.engine.docker("exec", stack.container("penstock"), "id", "-u").strip()
    check(user == "970", f"it runs as user 970, not {user}")
    first = stack.engine.docker("exec", stack.container("penstock"), "cat", "/proc/1/comm").strip()
    check(first == "penstock", f"process 1 is penstock, not {first}")
    wait_until(lambda: stack.inspect("penstock", "{{.State.Health.Status}}") == "healthy", 40, "the container is healthy")
    say("the container: user 970, process 1, healthy")


def killed_and_stopped_under_load(stack, books):
    sender = PortSender(stack, "event")
    try:
        wait_until(lambda: (stack.status() or {}).get("delivered", 0) > 300, 90, "events arrive")
        shared = SocketSender(stack, "shared", 600)
        books.once += shared.stop()
        stack.engine.docker("kill", "--signal", "KILL", stack.container("penstock"))
        up(stack, "penstock", "load")
        say("the agent was killed and started again")
        time.sleep(3)
        stack("stop", "-t", "20", "kafka")
        away = SocketSender(stack, "away", 600)
        time.sleep(5)
        books.once += away.stop()
        pending = stack.status()["pending"]
        check(pending > 600, f"events are taken while Kafka is away: {pending} pending")
        stack("start", "kafka")
        say(f"Kafka was stopped for a while, {pending} events waited")
        time.sleep(3)
    finally:
        books.once += sender.stop()
    stack("stop", "load")
    stack.wait_drained(120)
    books.check(stack)


def damaged_while_down(stack, books):
    stack("stop", "-t", "20", "kafka")
    sender = PortSender(stack, "dark")
    time.sleep(3)
    books.once += sender.stop()
    begun = time.monotonic()
    stack("stop", "-t", "20", "penstock")
    code, took = stack.inspect("penstock", "{{.State.ExitCode}}"), time.monotonic() - begun
    check(code == "0" and took < 15, f"a SIGTERM ends the container: code {code} after {took:.1f} s")
    code, where = stack.in_image("sh", "-c", DAMAGE, volumes=[("spool", "/spool")], user="0", must=False)
    check(code == 0, f"there is a pending event to damage: {where}")
    stack("start", "kafka", "penstock")
    wait_until(stack.status, 60, "the agent answers with a damaged spool")
    books.lost += 1
    status = stack.wait_drained(120)
    check(status["lost"] == books.lost, f"one event is reported lost: {status['lost']}")
    say(f"damaged: {where.strip()}")
    books.check(stack)


def down_and_up(stack, books):
    stack("stop", "-t", "20", "kafka")
    sender = PortSender(stack, "night")
    time.sleep(2)
    books.once += sender.stop()
    before = stack.status()
    check(before["pending"] > 0, "events wait while everything goes down")
    begun = time.monotonic()
    stack("down", "-t", "20")
    up(stack)
    check(stack.status()["accepted"] >= before["accepted"], "the books are those of the volume")
    say(f"down and up on the same volume: {time.monotonic() - begun:.0f} s")
    wait_until(lambda: stack.status()["delivered"] > before["accepted"], 90, "events flow again after down and up")
    stack("stop", "load")
    stack.wait_drained(90)
    books.check(stack)


def scenes(stack):
    up(stack)
    say("up: " + ", ".join(line.split()[0] for line in stack("ps").splitlines()[1:] if line.strip() and not line.startswith("-")))
    books = Books()
    check_container(stack)
    for scene in (killed_and_stopped_under_load, damaged_while_down, down_and_up):
        scene(stack, books)


def end_in_time(number, frame):
    fail(f"not done after {SECONDS_MAX} s" if number == signal.SIGALRM else f"ended by signal {number}")


def main():
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_in_time)
    signal.alarm(SECONDS_MAX)
    engine = Engine()
    stack, left = None, []
    try:
        engine.get_images()
        stack = Stack(engine)
        engine.build(stack.image, SOURCE, "-f", os.path.join(SOURCE, "docker/Dockerfile"))
        check_image(stack)
        scenes(stack)
    except BaseException:
        if stack is not None:
            print(stack("logs", "--no-color", "--tail", "60", must=False)[1][-8000:], flush=True)
        raise
    finally:
        signal.alarm(0)
        if stack is not None:
            stack("down", "-v", "-t", "5", must=False)
        left = engine.stop()
    check(not left, f"nothing is left behind: {left}")
    say("done")
    sys.exit(0)


main()
