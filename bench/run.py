# SPDX-License-Identifier: MIT
"""Runs the benchmarks named on the command line (without names: all but the long ones) and prints one table."""
import sys

from bench_bridge import bench_drain, bench_once
from bench_ingest import bench_committer, bench_many, bench_ndjson, bench_one, bench_writes
from bench_isolation import bench_isolation
from bench_salvage import bench_salvage
from bench_soak import bench_soak
from bench_visible import bench_visible
from bench_whole import bench_memory, bench_start
from support import print_table, say

BENCHES = {"committer": bench_committer, "one": bench_one, "many": bench_many, "ndjson": bench_ndjson, "writes": bench_writes,
           "drain": bench_drain, "once": bench_once, "start": bench_start, "salvage": bench_salvage, "memory": bench_memory, "isolation": bench_isolation, "visible": bench_visible,
           "soak": bench_soak}
ALONE = {"soak"}   # they take too long to be run with the others

names = sys.argv[1:] or [name for name in BENCHES if name not in ALONE]
if not sys.argv[1:]:
    say(f"without {' '.join(ALONE)}, which takes ten minutes: ./dev bench {' '.join(ALONE)}")
unknown = [name for name in names if name not in BENCHES]
if unknown:
    sys.exit(f"bench: no benchmark {unknown[0]!r}; there are: {' '.join(BENCHES)}")
for name in names:
    say(f"== {name}")
    BENCHES[name]()
print_table()
