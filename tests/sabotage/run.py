# SPDX-License-Identifier: MIT
"""Are the tests worth anything? Plants one fault after the other in a copy of the tree and sees whether its tests turn red.

    run.py SOURCE WORK [words of fault names]

The copy and its build stay in WORK, so that the next run only compiles what changed. First all the tests that are named must be
green without a fault. Exits 1 when a fault is not noticed, or can't be planted because the code has changed: then
faults.py wants a look. One Kafka serves all of it.
"""
import os
import subprocess
import sys
import time

from faults import FAULTS

SOURCE, WORK = (os.path.abspath(path) for path in sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests/e2e"))
TREE, BUILD = os.path.join(WORK, "tree"), os.path.join(WORK, "build")
FOLDERS = ["agent", "base", "bench", "bridge", "cmake", "config", "docs", "host", "ingest", "spool", "tests", "CMakeLists.txt", "CMakePresets.json"]
SMALL_RUNS = {"PENSTOCK_KILLS": "8", "PENSTOCK_CUTS": "6", "PENSTOCK_WAIT_MS": "4000", "PENSTOCK_DRAIN_S": "20", "PENSTOCK_STORM_EVENTS": "30000", "PENSTOCK_STORM_KILLS": "14",
              "PENSTOCK_STORM_BROKER_KILLS": "0", "PENSTOCK_SEED": os.environ.get("PENSTOCK_SEED", "1")}


def run(words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def must(words):
    done = run(words)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}:\n{done.stdout[-3000:]}")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def copy_file(source, target):
    """Only when it differs, so that nothing is compiled for nothing."""
    content = read(source)
    if content != read(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(content)
        os.chmod(target, os.stat(source).st_mode)


def copy_tree():
    wanted = set()
    for name in FOLDERS:
        top = os.path.join(SOURCE, name)
        files = [top] if os.path.isfile(top) else [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs if "__pycache__" not in d]
        for path in files:
            target = os.path.join(TREE, os.path.relpath(path, SOURCE))
            copy_file(path, target)
            wanted.add(target)
    for directory, _, names in os.walk(TREE):
        for path in (os.path.join(directory, name) for name in names):
            if path not in wanted and not os.path.islink(path):
                os.unlink(path)
    if not os.path.islink(os.path.join(TREE, ".cache")):
        os.symlink(os.path.join(SOURCE, ".cache"), os.path.join(TREE, ".cache"))   # Kafka's jars


def targets_of(tests):
    targets = set()
    for test in tests:
        if test.startswith("unit_"):
            targets.add("test_" + test[len("unit_"):])
        else:
            targets |= {"penstock", "penstock_load", "preload_disk", "preload_clock"}
    return sorted(targets)


def build(tests):
    return run(["cmake", "--build", BUILD, "--target", *targets_of(tests)])


def is_green(test, environment):
    done = run(["ctest", "--test-dir", BUILD, "-R", f"^{test}$", "--no-tests=error", "--timeout", "120", "--output-on-failure"], env=environment)
    return done.returncode == 0, done.stdout


def why(output):
    """The line that says what went wrong."""
    for line in output.split("\n"):
        if "] FAILED: " in line:
            return line.split("] FAILED: ", 1)[1].strip()[:90]
    for line in output.split("\n"):
        if "[  FAILED  ]" in line or "Assertion" in line:
            return line.split("]", 1)[-1].strip()[:90]
    return "red"


def try_fault(fault, environment):
    """What happened with each of its tests: (test, noticed, why)."""
    path = os.path.join(TREE, fault.path)
    original = read(path).decode()
    if original.count(fault.old) != 1:
        return [(test, False, f"can't be planted: its text is {original.count(fault.old)} times in {fault.path}") for test in fault.tests]
    try:
        with open(path, "w") as f:
            f.write(original.replace(fault.old, fault.new))
        built = build(fault.tests)
        if built.returncode != 0:
            return [(test, False, "does not compile: " + built.stdout[-600:]) for test in fault.tests]
        results = []
        for test in fault.tests:
            green, output = is_green(test, environment)
            results.append((test, not green, "GREEN in spite of it" if green else why(output)))
        return results
    finally:
        with open(path, "w") as f:
            f.write(original)


def check_without_faults(faults, environment):
    tests = sorted({test for fault in faults for test in fault.tests})
    built = build(tests)
    if built.returncode != 0:
        sys.exit(built.stdout[-3000:])
    for test in tests:
        green, output = is_green(test, environment)
        if not green:
            sys.exit(f"{test} is red without any fault:\n{output[-3000:]}")
    print(f"without a fault these are green: {' '.join(tests)}", flush=True)


def main():
    faults = [fault for fault in FAULTS if all(word in fault.name for word in sys.argv[3:])]
    copy_tree()
    must(["cmake", "--preset", "dev", "-S", TREE, "-B", BUILD, "-D", "PENSTOCK_BENCH=OFF", "-D", "PENSTOCK_WERROR=OFF"])
    environment = dict(os.environ, **SMALL_RUNS)
    if any(test.startswith("e2e_") for fault in faults for test in fault.tests):
        from harness import Kafka
        kafka = Kafka()
        kafka.start()
        environment["PENSTOCK_TEST_KAFKA"] = kafka.bootstrap
    check_without_faults(faults, environment)
    survivors = 0
    for fault in faults:
        start = time.monotonic()
        for test, noticed, reason in try_fault(fault, environment):
            survivors += not noticed
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {fault.name:<52} {test:<26} {reason}  ({time.monotonic() - start:.0f} s)",
                  flush=True)
    print(f"{len(faults)} faults planted, {survivors} not noticed")
    sys.exit(1 if survivors else 0)


main()
