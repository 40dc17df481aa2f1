#!/bin/sh
# Every history that was kept, from the first to the last; red when one finds a kind that isn't
# known.
#
#   cases.sh PROGRAM
set -eu
here=$(dirname "$0")
red=0
for file in "$here"/cases/*.case; do
    echo "$file"
    "$1" --case "$file" --known "$here/known" || red=1
done
exit $red
