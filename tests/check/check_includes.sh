#!/bin/sh
# Holds the arrows between modules and between the rooms inside them (the table: rooms), and the
# one folder in which each third-party header may be included.
#
#   check_includes.sh [TREE]     prints file:line of every #include that breaks them; exit 1 if
#                                there is one
#   check_includes.sh --selftest plants one violation of each rule in a copy and wants to see it
#                                reported
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

# One awk over the table and all files. A path that is no folder of ours and no third-party header
# (libc, POSIX) is free.
check() {
    (
        cd "$1" || exit 2
        files=$(find agent base bridge config ingest spool -name '*.[ch]' -type f | sort)
        # Nothing to look at is no proof of anything.
        [ -n "$files" ] || { echo "no sources below $1" >&2; exit 2; }
        # shellcheck disable=SC2086 # a list of names without blanks
        awk '
            BEGIN {
                # A third-party header and the one folder whose .c files may include it.
                home["leveldb/"] = home["xxhash"] = home["xxh3"] = "spool"
                home["librdkafka/"] = home["rdkafka"] = "bridge"
                home["microhttpd"] = home["yajl/"] = "ingest"
                home["yaml"] = "config"
                home["mimalloc"] = "agent"
            }
            # ---- the table
            FILENAME ~ /tests\/check\/rooms$/ {
                sub(/#.*/, "")
                debt = sub(/^debt /, "")
                if ($0 ~ /^circle / || index($0, ":") == 0)
                    next
                name = $0
                sub(/:.*/, "", name)
                rest = $0
                sub(/^[^:]*:/, "", rest)
                may[name] = may[name] " " rest " "
                if (name !~ /\//)
                    ours[name] = 1
                next
            }
            function bad(why) {
                printf "%s:%d: %s (includes %s)\n", FILENAME, FNR, why, path
                found = 1
            }
            function module_of(file) {
                sub(/\/.*$/, "", file)
                return file
            }
            # A header that stands in the table by itself, or the folder; "spool/" at the root.
            function room_of(file) {
                if (file in may)
                    return file
                sub(/[^\/]*$/, "", file)
                if (file !~ /\/.*\//)
                    return file
                sub(/\/$/, "", file)
                return file
            }
            function is_at_root(file) {
                return file ~ /^[^\/]*\/[^\/]*$/
            }
            FNR == 1 {
                room = room_of(FILENAME)
                module = module_of(FILENAME)
                if (!(room in may) && !is_at_root(FILENAME)) {
                    path = "a room of its own"
                    bad("tests/check/rooms does not know this folder")
                }
            }
            /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
                path = $0
                sub(/^[^<"]*[<"]/, "", path)
                sub(/[>"].*$/, "", path)

                for (prefix in home)
                    if (index(path, prefix) == 1) {
                        if (home[prefix] != module)
                            bad("only " home[prefix] "/ may include this library")
                        else if (FILENAME !~ /\.c$/)
                            bad("a library of others belongs in a .c file")
                        next
                    }

                # ../ would walk around every rule below.
                if (path ~ /(^|\/)\.\.?\//) {
                    bad("includes are written from the root of the tree")
                    next
                }
                # A name alone is libc or POSIX.
                if (path !~ /\//)
                    next
                target = module_of(path)
                if (!(target in ours) || target == "base")
                    next
                if (target != module) {
                    if (index(may[module], " " target " ") == 0)
                        bad(module "/ must not know " target "/")
                    else if (!is_at_root(path))
                        bad("of " target "/ only the headers at its root are for others")
                    else if (module == "config" && (target == "ingest" || target == "bridge") &&
                             path !~ /_options\.h$/ && path != target "/" target ".h")
                        bad("config/ may see only the contract and the options of " target "/")
                    next
                }
                if (room_of(path) == room || !(room in may))
                    next
                if (index(may[room], " " room_of(path) " ") > 0)
                    next
                # A header of the contract that is a room by itself is part of the contract.
                if (is_at_root(path) && index(may[room], " " target "/ ") > 0)
                    next
                bad(room " must not know " room_of(path))
            }
            END { exit found }
        ' tests/check/rooms $files
    )
}

# plant FILE INCLUDE: the copy with this one line more must be red, and say where.
plant() {
    mkdir -p "$copy/$(dirname "$1")"
    printf '/* planted */\n#include %s\n' "$2" >"$copy/$1"
    if check "$copy" >"$copy/report"; then
        echo "not seen: $2 in $1"
        missed=1
    elif ! grep -q "^$1:[12]: " "$copy/report"; then
        echo "seen, but at another place: $2 in $1"
        cat "$copy/report"
        missed=1
    fi
    rm "$copy/$1"
}

# allow FILE INCLUDE: the copy with this one line more must stay green.
allow() {
    mkdir -p "$copy/$(dirname "$1")"
    printf '/* planted */\n#include %s\n' "$2" >"$copy/$1"
    if ! check "$copy"; then
        echo "wrongly refused: $2 in $1"
        missed=1
    fi
    rm "$copy/$1"
}

selftest() {
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    mkdir -p "$copy/tests/check"
    cp "$here/rooms" "$copy/tests/check/rooms"
    for folder in agent base bridge config ingest spool; do
        cp -R "$root/$folder" "$copy/$folder"
    done
    # Only a clean copy shows that it is the planted line that turns it red.
    check "$copy" || { echo "the tree itself is not clean"; exit 1; }
    missed=0

    # between modules
    plant base/planted.c '"spool/spool.h"'
    plant spool/open/planted.c '"bridge/bridge.h"'
    plant spool/open/planted.c '"config/config.h"'
    plant ingest/http/planted.c '"bridge/bridge.h"'
    plant bridge/lane/planted.h '"ingest/ingest_options.h"'
    plant bridge/open/planted.c '"agent/agent.h"'
    plant config/planted.c '"agent/agent.h"'
    plant config/planted.c '"ingest/ingest_problem.h"'
    plant bridge/lane/planted.c '"../ingest/ingest.h"'
    # only the contract is for others
    plant bridge/lane/planted.c '"spool/format/frame.h"'
    plant agent/offline/planted.c '"spool/disk/dir.h"'
    plant config/planted.c '"bridge/lane/lane.h"'
    # between rooms
    plant spool/format/planted.c '"spool/read/reader.h"'
    plant spool/format/planted.h '"spool/spool.h"'
    plant spool/ledger/planted.c '"spool/disk/dir.h"'
    plant spool/read/planted.c '"spool/write/segment.h"'
    plant spool/commit/planted.c '"spool/keep/keeper.h"'
    plant bridge/lane/planted.c '"bridge/client/sink.h"'
    plant ingest/net/planted.c '"ingest/http/http.h"'
    plant agent/pages/planted.c '"agent/agent.h"'
    plant spool/attic/planted.c '<stdio.h>'
    # libraries of others
    plant bridge/lane/planted.c '<leveldb/c.h>'
    plant ingest/net/planted.c '<xxhash.h>'
    plant spool/write/planted.h '<leveldb/c.h>'
    plant agent/run/planted.c '<librdkafka/rdkafka.h>'
    plant bridge/client/planted.h '<librdkafka/rdkafka_mock.h>'
    plant config/planted.c '<microhttpd.h>'
    plant bridge/client/planted.c '<yajl/yajl_gen.h>'
    plant ingest/parse/planted.h '<yajl/yajl_parse.h>'
    plant agent/cli/planted.c '<yaml.h>'

    allow agent/run/planted.c '"base/err.h"'
    allow agent/run/planted.c '"bridge/bridge.h"'
    allow config/planted.c '"bridge/bridge.h"'
    allow config/planted.c '"ingest/ingest_options.h"'
    allow config/planted.c '<yaml.h>'
    allow bridge/lane/planted.c '"spool/spool.h"'
    allow bridge/lane/planted.c '"bridge/bridge_options.h"'
    allow spool/disk/planted.c '"spool/spool_event.h"'
    allow spool/keep/planted.c '"spool/ledger/catalog.h"'
    allow spool/write/planted.c '<leveldb/c.h>'

    return "$missed"
}

case "${1:-}" in
--selftest) selftest ;;
*) check "${1:-$root}" ;;
esac
