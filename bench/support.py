# SPDX-License-Identifier: MIT
"""What the benchmarks share: programs, rounds and medians, CPU time, and the table."""
import json
import os
import statistics
import subprocess

from harness import Agent, check, load, load_result, say, temporary_directory

PROGRAMS = os.environ["PENSTOCK_BENCH_PROGRAMS"]
ROUNDS = int(os.environ.get("PENSTOCK_BENCH_ROUNDS", "5"))
NO_KAFKA = "127.0.0.1:1"   # nobody listens there

_rows = []


def row(what, ours, yardstick, ratio, goal, at_least=True, unit=""):
    """One line of the table; goal None: for information."""
    _rows.append((what, ours, yardstick, ratio, goal, at_least, unit))
    say(format_row(_rows[-1]))


def _number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def format_row(entry):
    what, ours, yardstick, ratio, goal, at_least, unit = entry
    verdict = ""
    if goal is not None:
        verdict = "ok" if (ratio >= goal if at_least else ratio <= goal) else "MISSED"
    bound = "" if goal is None else f"{'>=' if at_least else '<='} {goal:g}"
    shown = "" if ratio is None else f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"
    return f"{what:<58} {_number(ours):>13} {_number(yardstick):>13} {unit:<9} {shown:>7} {bound:>8}  {verdict}"


def print_table():
    print(f"\n{'what':<58} {'Penstock':>13} {'yardstick':>13} {'unit':<9} {'ratio':>7} {'goal':>8}")
    for entry in _rows:
        print(format_row(entry))


def program(name, *words):
    """Runs a program of bench/ and returns its line of JSON."""
    done = subprocess.run([os.path.join(PROGRAMS, name), *map(str, words)], stdout=subprocess.PIPE, timeout=600)
    check(done.returncode == 0, f"{name} ended with {done.returncode}")
    return json.loads(done.stdout)


def interleaved(first, second, rounds=None):
    """Runs two measurements in turn. Returns the median of each and the median of the ratios first / second."""
    pairs = [(first(), second()) for _ in range(rounds or ROUNDS)]
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs))


def run_load(agent, **options):
    return load_result(load(agent, **options), 600)


def new_agent(bootstrap=NO_KAFKA, max_size="40GiB"):
    return Agent(temporary_directory(), bootstrap, spool_extra=f"  max_size: {max_size}")
