#!/bin/sh
# seeds.sh PROGRAM SECONDS: fresh histories for each commit; the same ones for the same commit, so that a red run repeats.
set -eu
here=$(dirname "$0")
base=$(git -C "$here" rev-parse HEAD 2>/dev/null || echo penstock)
exec "$1" --seconds "$2" --seed-base "$base" --known "$here/known" --shrink
