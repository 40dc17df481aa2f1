# SPDX-License-Identifier: MIT
"""Runs ctest and prints its output as it comes; the ten slowest tests stand before the summary.

    ctest_slowest.py CTEST WORDS...

The exit code is ctest's own.
"""
import re
import subprocess
import sys

RESULT = re.compile(r"\s*\d+/\d+ Test +#\d+: (\S+) \.*\s*(?:\*+)?.*?([\d.]+) sec\s*$")
SUMMARY = re.compile(r"\d+% tests passed")
SHOWN = 10


def main():
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    seconds, summary = {}, []
    while True:
        try:
            line = process.stdout.readline()
            if not line:
                break
            if summary or SUMMARY.match(line):
                summary.append(line)
                continue
            print(line, end="", flush=True)
            result = RESULT.match(line)
            if result:
                seconds[result.group(1)] = float(result.group(2))
        except KeyboardInterrupt:   # ctest has it, too, and says what it was doing
            continue
    code = process.wait()
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN]
    if slowest:
        print(f"The {len(slowest)} slowest:")
        for name, took in slowest:
            print(f"{took:8.1f} s  {name}")
        print()
    print("".join(summary), end="", flush=True)
    return code if code >= 0 else 128 - code


sys.exit(main())
