#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes docs/crash-matrix.md out of what the tests printed.

    crash_matrix.py LOG... > docs/crash-matrix.md

A LOG is the output of ctest with -V, or build/dev/Testing/Temporary/LastTest.log of
./dev test all. Taken are lines "MATRIX: fault | tried | how often | what happened", and the table
of the damage matrix."""
import re
import sys

PAGE = """# Crash matrix

Each fault that was tried on a real spool, how often in one run of the tests, and what happened.
This page is made from the output of the tests (`tests/check/crash_matrix.py`); `tests/README.md`
says how to run each with more rounds and another seed.

## Power, disks, filesystems

| fault | tried | how often | what happened |
|---|---|---|---|
{matrix}

## Damaged bytes

Segments of 4,000 and more events in batches of 1, 10 and 100. Each damage is done to a copy; then
the spool starts, accepts and reads to the end, and is stopped or killed on the way. *Wrong* would
be an untouched event that doesn't come, comes twice or comes changed, a loss that no report names,
or a report that names an event which came. *Torn off* are events at the end of a log that no seal,
link or later batch tells of.

{damage}
"""


def main(paths):
    matrix, damage, in_damage = [], [], False
    for path in paths:
        with open(path, errors="replace") as f:
            for line in f:
                line = re.sub(r"^\d+: ", "", line.rstrip("\n"))   # ctest -V
                if line.startswith("MATRIX: "):
                    cells = [cell.strip() for cell in line[len("MATRIX: "):].split(" | ")]
                    if len(cells) != 4:
                        sys.exit(f"{path}: not four cells: {line}")
                    matrix.append("| " + " | ".join([cells[0][0].upper() + cells[0][1:]] + cells[1:]) + " |")
                in_damage = line.startswith("| damage |") or (in_damage and line.startswith("|"))
                if in_damage:
                    damage.append(line)
    if not matrix or not damage:
        sys.exit("no MATRIX lines, or no table of the damage matrix: was everything run?")
    print(PAGE.format(matrix="\n".join(dict.fromkeys(matrix)), damage="\n".join(damage)), end="")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(2)
    main(sys.argv[1:])
