#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power cuts: records a session of the spool, then starts the spool on every state that a cut may leave of it.

  test_power_cuts.py --build DIR [--states 20000] [--seed S] [--plants]

--plants first shows that the check can fail: acknowledgements before the sync, syncs of files and of directories left out."""
import argparse
import functools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

SESSION_SECONDS_MAX = 60
ENUMERATION_SECONDS_MAX = 280


def scratch_dir():
    return "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None


class Recording:
    """A tape of a session, and the spool that it left."""

    def __init__(self, build, parent, name):
        self.build = build
        self.spool = os.path.join(parent, name)
        self.tape = self.spool + ".tape"
        os.mkdir(self.spool)
        env = dict(os.environ, PENSTOCK_RECORD_ROOT=self.spool, PENSTOCK_RECORD_TAPE=self.tape,
                   LD_PRELOAD=os.path.join(build, "tests", "libpreload_record.so"))
        subprocess.run([os.path.join(build, "tests", "power_session"), self.spool], env=env, check=True,
                       timeout=SESSION_SECONDS_MAX)

    def enumerate(self, *args, shown=True):
        """Exit code and output, which is shown line by line: this takes minutes."""
        command = [os.path.join(self.build, "tests", "power_enumerate"), self.tape,
                   "--verify", self.spool, *map(str, args)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
        end_all = functools.partial(os.killpg, process.pid, signal.SIGKILL)   # its workers, too
        watchdog = threading.Timer(ENUMERATION_SECONDS_MAX, end_all)
        watchdog.start()
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if shown:
                    print(line, end="", flush=True)
            return process.wait(), "".join(lines)
        finally:
            watchdog.cancel()
            if process.poll() is None:
                end_all()


def check_plants(build, parent):
    recording = Recording(build, parent, "plants")
    for plant in ("early-acks", "file-syncs", "dir-syncs"):
        code, _ = recording.enumerate("--failures", 1, "--rounds", 1, "--plant", plant, shown=False)
        red = code == 1
        print(f"planted: {plant}: {'found' if red else 'NOT FOUND'}", flush=True)
        if not red:
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--states", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--plants", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 31)
    parent = tempfile.mkdtemp(prefix="penstock-power-", dir=scratch_dir())
    print(f"seed {seed}", flush=True)
    failed = True
    try:
        if options.plants and not check_plants(options.build, parent):
            return 1
        recording = Recording(options.build, parent, "spool")
        code, text = recording.enumerate("--states", options.states, "--seed", seed)
        states = re.search(r"power cuts: (\d+) states .*? (\d+) failed", text)
        checked = re.search(r"acknowledged events checked: (\d+)", text)
        failed = code != 0 or states is None or int(states.group(1)) < options.states
        if states is not None and checked is not None:
            print(f"MATRIX: power cut | every state that a cut may leave of a session with rotation, retiring, quarantine and failed writes "
                  f"| {states.group(1)} states, {checked.group(1)} acknowledged events looked for "
                  f"| {states.group(2)} states with a missing, garbled or falsely reported event", flush=True)
        return 1 if failed else 0
    finally:
        if failed:
            print(f"left as it is: {parent}", flush=True)
        else:
            shutil.rmtree(parent)


if __name__ == "__main__":
    sys.exit(main())
