#!/bin/sh
# Fresh histories for each commit; the same ones for the same commit, so that a red run repeats.
#
#   seeds.sh PROGRAM SECONDS [WORD]     WORD: other histories of the same commit
set -eu
here=$(dirname "$0")
base=$(git -C "$here" rev-parse HEAD 2>/dev/null || echo penstock)
exec "$1" --seconds "$2" --seed-base "$base${3:-}" --known "$here/known" --shrink
