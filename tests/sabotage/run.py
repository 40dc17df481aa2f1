# SPDX-License-Identifier: MIT
"""Are the tests worth anything? Plants one fault after the other in copies of the tree and sees
whether its tests turn red.

    run.py SOURCE WORK [words of fault names]

Workers share the faults, each with a copy of the tree and a build of its own in WORK: a fault costs
one object, what links it, and the tests that must see it. The copies stay, so that the next run
only compiles what changed. First all the tests that are named must be green without a fault. Exits
1 when a fault is not noticed, or can't be planted because the code has changed: then faults.py
wants a look. One Kafka serves all of it.
"""
import os
import queue
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from faults import FAULTS

SOURCE, WORK = (os.path.abspath(path) for path in sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests/e2e"))
WORKERS = 2
FOLDERS = ["agent", "base", "bench", "bridge", "cmake", "config", "docs", "host", "ingest", "spool",
           "tests", "CMakeLists.txt", "CMakePresets.json"]
SMALL_RUNS = {"PENSTOCK_KILLS": "8", "PENSTOCK_CUTS": "6", "PENSTOCK_WAIT_MS": "4000",
              "PENSTOCK_DRAIN_S": "20", "PENSTOCK_STORM_EVENTS": "30000",
              "PENSTOCK_STORM_KILLS": "14", "PENSTOCK_STORM_BROKER_KILLS": "0",
              "PENSTOCK_SEED": os.environ.get("PENSTOCK_SEED", "1")}


def run(words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def copy_file(source, target):
    """A copy that is the same stays, so that its object needs no compiling."""
    content = read(source)
    if content != read(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(content)
        os.chmod(target, os.stat(source).st_mode)


def targets_of(tests):
    targets = set()
    for test in tests:
        if test.startswith("unit_"):
            targets.add("test_" + test[len("unit_"):])
        else:
            targets |= {"penstock", "penstock_load", "preload_disk", "preload_clock"}
    return sorted(targets)


def why(output):
    """The line that says what went wrong."""
    for line in output.split("\n"):
        if "] FAILED: " in line:
            return line.split("] FAILED: ", 1)[1].strip()[:90]
    for line in output.split("\n"):
        if "[  FAILED  ]" in line or "Assertion" in line:
            return line.split("]", 1)[-1].strip()[:90]
    return "red"


class Worker:
    def __init__(self, number, environment):
        self.tree = os.path.join(WORK, str(number), "tree")
        self.build_directory = os.path.join(WORK, str(number), "build")
        self.environment = environment

    def copy_tree(self):
        wanted = set()
        for name in FOLDERS:
            top = os.path.join(SOURCE, name)
            files = [top] if os.path.isfile(top) else \
                [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs
                 if "__pycache__" not in d]
            for path in files:
                target = os.path.join(self.tree, os.path.relpath(path, SOURCE))
                copy_file(path, target)
                wanted.add(target)
        for directory, _, names in os.walk(self.tree):
            for path in (os.path.join(directory, name) for name in names):
                if path not in wanted and not os.path.islink(path):
                    os.unlink(path)
        if not os.path.islink(os.path.join(self.tree, ".cache")):   # Kafka's jars
            os.symlink(os.path.join(SOURCE, ".cache"), os.path.join(self.tree, ".cache"))

    def prepare(self, tests):
        """The tree as it is, built. Returns what went wrong."""
        self.copy_tree()
        done = run(["cmake", "--preset", "dev", "-S", self.tree, "-B", self.build_directory,
                    "-D", "PENSTOCK_BENCH=OFF", "-D", "PENSTOCK_WERROR=OFF"])
        if done.returncode == 0:
            done = self.build(tests)
        return "" if done.returncode == 0 else done.stdout[-3000:]

    def build(self, tests):
        return run(["cmake", "--build", self.build_directory, "--target", *targets_of(tests)])

    def is_green(self, test):
        """Without the fixture: the Kafka for all of it runs."""
        done = run(["ctest", "--test-dir", self.build_directory, "-R", f"^{test}$", "-FA", ".",
                    "--no-tests=error", "--timeout", "120", "--output-on-failure"],
                   env=self.environment)
        return done.returncode == 0, done.stdout

    def try_fault(self, fault):
        """Rows of what happened: (test, noticed, why)."""
        path = os.path.join(self.tree, fault.path)
        original = (read(path) or b"").decode()
        if original.count(fault.old) != 1:
            return [(test, False, f"can't be planted: its text is {original.count(fault.old)} times"
                     f" in {fault.path}") for test in fault.tests]
        try:
            with open(path, "w") as f:
                f.write(original.replace(fault.old, fault.new))
            built = self.build(fault.tests)
            if built.returncode != 0:
                return [(test, False, "does not compile: " + built.stdout[-600:])
                        for test in fault.tests]
            results = []
            for test in fault.tests:
                green, output = self.is_green(test)
                results.append((test, not green, "GREEN in spite of it" if green else why(output)))
            return results
        finally:
            with open(path, "w") as f:
                f.write(original)


def share_out(workers, items, work):
    """A worker takes the next item when it has done its last one."""
    waiting = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def take(worker):
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            work(worker, item)
    with ThreadPoolExecutor(len(workers)) as pool:
        for future in [pool.submit(take, worker) for worker in workers]:
            future.result()


def has_e2e(tests):
    return any(test.startswith("e2e_") for test in tests)


def main():
    faults = [fault for fault in FAULTS if all(word in fault.name for word in sys.argv[3:])]
    faults.sort(key=lambda fault: not has_e2e(fault.tests))   # those that take long first
    tests = sorted({test for fault in faults for test in fault.tests})
    environment = dict(os.environ, **SMALL_RUNS)
    if has_e2e(tests):
        from harness import Kafka
        kafka = Kafka()
        kafka.start()
        environment["PENSTOCK_TEST_KAFKA"] = kafka.bootstrap
    begun = time.monotonic()
    workers = [Worker(number, environment) for number in range(min(WORKERS, len(faults) or 1))]
    lock, trouble, survivors = threading.Lock(), [], []

    def say(text):
        with lock:
            print(f"[{time.monotonic() - begun:4.0f} s] {text}", flush=True)

    def prepare(worker, _):
        wrong = worker.prepare(tests)
        if wrong:
            trouble.append(wrong)

    def check_without_fault(worker, test):
        if trouble:
            return
        start = time.monotonic()
        green, output = worker.is_green(test)
        if not green:
            trouble.append(f"{test} is red without any fault:\n{output[-3000:]}")
        say(f"{'green' if green else 'RED  '}     without a fault: {test}"
            f"  ({time.monotonic() - start:.0f} s)")

    def plant(worker, fault):
        start = time.monotonic()
        for test, noticed, reason in worker.try_fault(fault):
            if not noticed:
                survivors.append(fault.name)
            say(f"{'noticed ' if noticed else 'SURVIVED'}  {fault.name:<52} {test:<26} {reason}"
                f"  ({time.monotonic() - start:.0f} s)")

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(prepare, workers, workers))
    if not trouble:
        say("built")
        share_out(workers, sorted(tests, key=lambda test: not has_e2e([test])), check_without_fault)
    if trouble:
        sys.exit("\n".join(trouble))
    share_out(workers, faults, plant)
    print(f"{len(faults)} faults planted, {len(survivors)} not noticed")
    sys.exit(1 if survivors else 0)


main()
