#!/bin/sh
# This tree on a fresh Debian: a chroot made by debootstrap (as root; its mounts are nobody else's).
#
#   fresh_debian.sh SUITE [COMMAND]     such as: fresh_debian.sh trixie './dev build dev && ctest --test-dir build/dev -L unit'
#
# Without COMMAND: ./dev build. The chroot stays in .cache/debian-SUITE with what was installed and built; remove it for a fresh one.
# As a user who is no root there, with sudo: COMMAND is `adduser`'s and sudo's matter, e.g. "su me -c './dev build'".
set -eu

suite=${1:?usage: fresh_debian.sh SUITE [COMMAND]}
command=${2:-./dev build}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
mkdir -p "$root/.cache"
tree=$(CDPATH='' cd -- "$root/.cache" && pwd -P)/debian-$suite

[ "$(id -u)" -eq 0 ] || { echo "fresh_debian.sh: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "fresh_debian.sh: please install: debootstrap" >&2; exit 1; }
if [ ! -f "$tree/made" ]; then
    rm -rf "$tree"
    debootstrap --variant=minbase "$suite" "$tree" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >&2
    touch "$tree/made"
fi

# The files as they are now, with what isn't committed; builds of the last time stay.
mkdir -p "$tree/src"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 tar -c --ignore-failed-read) | tar -x -C "$tree/src"
cp /etc/resolv.conf "$tree/etc/resolv.conf"

# shellcheck disable=SC2016 # for the inner shell
exec unshare --mount --pid --fork --kill-child sh -euc '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    for directory in sys dev; do mount --rbind "/$directory" "$1/$directory"; done
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -euc "cd /src && $2"' sh "$tree" "$command"
