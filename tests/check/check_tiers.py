# SPDX-License-Identifier: MIT
"""Registered tests have just one tier each, and each script tests/*/test_*.py is some test's.

    check_tiers.py SOURCE BUILD CTEST
"""
import collections
import glob
import json
import os
import subprocess
import sys
import tempfile

TIERS = {"short", "long"}
ELSEWHERE = {"tests/docker/test_compose.py"}   # ./dev test-docker

source, build, ctest = sys.argv[1:4]
with tempfile.TemporaryDirectory() as directory:   # in the build's own ctest overwrites a run's log
    with open(os.path.join(directory, "CTestTestfile.cmake"), "w") as f:
        f.write(f'subdirs("{build}")\n')
    listed = subprocess.run([ctest, "--test-dir", directory, "--show-only=json-v1"], check=True,
                            stdout=subprocess.PIPE)
problems, counts, words = [], collections.Counter(), set()
for test in json.loads(listed.stdout)["tests"]:
    properties = {row["name"]: row["value"] for row in test.get("properties", [])}
    labels = set(properties.get("LABELS", []))
    words.update(test.get("command", []))
    tiers = labels & TIERS
    if labels == {"fixture"}:   # started and stopped with the tests that need it
        continue
    if len(tiers) != 1 or len(labels) != 2:
        problems.append(f"{test['name']}: a kind and a tier are due, not {sorted(labels)}")
    if properties.get("RUN_SERIAL"):
        problems.append(f"{test['name']} is RUN_SERIAL: QUIET leaves other cores to other tests")
    counts.update(tiers)
for path in sorted(glob.glob(os.path.join(source, "tests/*/test_*.py"))):
    name = os.path.relpath(path, source)
    if name not in ELSEWHERE and path not in words:
        problems.append(f"{name} is no test's script")
print("\n".join(problems) or ", ".join(f"{count} {tier}" for tier, count in sorted(counts.items())))
sys.exit(1 if problems or set(counts) != TIERS else 0)
