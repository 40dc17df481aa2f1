#!/bin/sh
# Holds the arrows between the folders: agent -> config -> ingest, bridge -> spool -> base.
#
#   check_includes.sh [TREE]     prints file:line of every #include that breaks them; exit 1 if there is one
#   check_includes.sh --selftest plants one violation of each rule in a copy and wants to see it reported
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

# One awk over all files. A path that is no folder of ours and no third-party header (libc, POSIX) is free.
check() {
    (
        cd "$1" || exit 2
        files=$(find agent base bridge config ingest spool -name '*.[ch]' -type f | sort)
        # Nothing to look at is no proof of anything.
        [ -n "$files" ] || { echo "no sources below $1" >&2; exit 2; }
        # shellcheck disable=SC2086 # a list of names without blanks
        awk '
            BEGIN {
                split("agent config ingest bridge spool base", names, " ")
                for (i in names)
                    ours[names[i]] = 1
                # What a folder may include besides itself.
                may["base"] = " "
                may["spool"] = " base "
                may["ingest"] = " spool base "
                may["bridge"] = " spool base "
                may["config"] = " ingest bridge spool base "
                may["agent"] = " config ingest bridge spool base "
                # A third-party header and the one folder whose .c files may include it.
                home["leveldb/"] = home["xxhash"] = home["xxh3"] = "spool"
                home["librdkafka/"] = home["rdkafka"] = "bridge"
                home["microhttpd"] = home["yajl/"] = "ingest"
                home["yaml"] = "config"
                home["mimalloc"] = "agent"
            }
            function bad(why) {
                printf "%s:%d: %s (includes %s)\n", FILENAME, FNR, why, path
                found = 1
            }
            /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
                path = $0
                sub(/^[^<"]*[<"]/, "", path)
                sub(/[>"].*$/, "", path)
                folder = FILENAME
                sub(/\/.*$/, "", folder)

                for (prefix in home)
                    if (index(path, prefix) == 1) {
                        if (home[prefix] != folder)
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
                # A name alone is libc, POSIX, or a neighbour in the same folder.
                if (path !~ /\//)
                    next
                target = path
                sub(/\/.*$/, "", target)
                if (!(target in ours) || target == folder)
                    next
                if (index(may[folder], " " target " ") == 0)
                    bad(folder "/ must not know " target "/")
                else if (folder == "config" && (target == "ingest" || target == "bridge") &&
                         path !~ /_options\.h$/ && path != target "/" target ".h")
                    bad("config/ may see only the contract and the options of " target "/")
            }
            END { exit found }
        ' $files
    )
}

# plant FILE INCLUDE: the copy with this one line more must be red, and say where.
plant() {
    mkdir -p "$copy/$(dirname "$1")"
    printf '/* planted */\n#include %s\n' "$2" >"$copy/$1"
    if check "$copy" >"$copy/report"; then
        echo "not seen: $2 in $1"
        missed=1
    elif ! grep -q "^$1:2: " "$copy/report"; then
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
    for folder in agent base bridge config ingest spool; do
        cp -R "$root/$folder" "$copy/$folder"
    done
    # Only a clean copy shows that it is the planted line that turns it red.
    check "$copy" || { echo "the tree itself is not clean"; exit 1; }
    missed=0

    plant base/planted.c '"spool/spool.h"'
    plant spool/planted.c '"bridge/bridge.h"'
    plant spool/planted.c '"config/config.h"'
    plant ingest/planted.c '"bridge/bridge.h"'
    plant bridge/planted.h '"ingest/ingest_options.h"'
    plant bridge/planted.c '"agent/agent.h"'
    plant config/planted.c '"agent/agent.h"'
    plant config/planted.c '"bridge/lane/in_flight.h"'
    plant config/planted.c '"ingest/parse/json.h"'
    plant bridge/planted.c '"../ingest/ingest.h"'
    plant bridge/planted.c '<leveldb/c.h>'
    plant ingest/planted.c '<xxhash.h>'
    plant spool/planted.h '<leveldb/c.h>'
    plant agent/planted.c '<librdkafka/rdkafka.h>'
    plant bridge/planted.h '<librdkafka/rdkafka_mock.h>'
    plant config/planted.c '<microhttpd.h>'
    plant bridge/planted.c '<yajl/yajl_gen.h>'
    plant ingest/planted.h '<yajl/yajl_parse.h>'
    plant agent/planted.c '<yaml.h>'

    allow agent/planted.c '"base/err.h"'
    allow agent/planted.c '"bridge/bridge.h"'
    allow config/planted.c '"bridge/bridge.h"'
    allow config/planted.c '"ingest/ingest_options.h"'
    allow config/planted.c '<yaml.h>'
    allow bridge/planted.c '"spool/spool.h"'
    allow spool/planted.c '<leveldb/c.h>'

    return "$missed"
}

case "${1:-}" in
--selftest) selftest ;;
*) check "${1:-$root}" ;;
esac
