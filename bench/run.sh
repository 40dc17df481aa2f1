#!/bin/sh
# The benchmarks, in pairs: bench/run.sh [NAME...]; without names all of them but the soak.
# docs/benchmarks.md says how to read the table.
#
#   PENSTOCK_BENCH_BUILD    the build to measure (build/release)
#   PENSTOCK_BENCH_DIR      where the spools lie: the disk that is measured (build/bench-data)
#   PENSTOCK_BENCH_ROUNDS   rounds of each pair (5)
#   PENSTOCK_BENCH_BACKLOG  backlog of `start` in MiB (10240)
#   PENSTOCK_BENCH_FILL     backlog of `memory` in MiB (2048)
#   PENSTOCK_BENCH_SALVAGE  damaged backlog of `salvage` in MiB (3072)
#   PENSTOCK_BENCH_VISIBLE  seconds of each round of `visible` (12)
#   PENSTOCK_BENCH_SOAK     seconds of `soak` (600); PENSTOCK_SEED repeats its faults
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${PENSTOCK_BENCH_BUILD:-$root/build/release}
TMPDIR=${PENSTOCK_BENCH_DIR:-$root/build/bench-data}
PENSTOCK=$build/penstock
PENSTOCK_LOAD=$build/penstock_load
PENSTOCK_BENCH_PROGRAMS=$build/bench
PENSTOCK_SOURCE=$root
PENSTOCK_PRELOAD_DISK=$build/libpreload_disk.so
export TMPDIR PENSTOCK PENSTOCK_LOAD PENSTOCK_PRELOAD_DISK PENSTOCK_BENCH_PROGRAMS PENSTOCK_SOURCE
[ -x "$PENSTOCK" ] || { echo "bench: no $PENSTOCK: run ./dev build first" >&2; exit 1; }
command -v python3 >/dev/null || { echo "bench: python3 is missing" >&2; exit 1; }
mkdir -p "$TMPDIR"
PYTHONPATH=$root/tests/e2e PYTHONDONTWRITEBYTECODE=1 exec python3 "$root/bench/run.py" "$@"
