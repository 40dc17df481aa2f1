#!/bin/sh
# Holds the width of text: 100 columns in *.md, *.c and *.h.
#
#   check_width.sh [TREE]     prints file:line of every longer line; exit 1 if there is one
#   check_width.sh --selftest plants long lines in a copy and wants to see them reported
#
# Free in *.md: ``` blocks, rows of tables, and a line that is one link or one word.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

# texts TREE: the files to look at; not hidden folders, builds, or the spool of `./dev run`.
texts() {
    (
        cd "$1" || exit 2
        find . -name '.?*' -prune -o -path ./build -prune -o -path ./penstock-data -prune -o \
            -type f \( -name '*.md' -o -name '*.[ch]' \) -print | sort
    )
}

# One awk over all files.
check() {
    (
        files=$(texts "$1")
        cd "$1" || exit 2
        # Nothing to look at is no proof of anything.
        [ -n "$files" ] || { echo "no text below $1" >&2; exit 2; }
        # LC_ALL=C: every awk sees bytes. Continuation bytes of UTF-8 are taken out, so that
        # length() counts characters.
        # shellcheck disable=SC2086 # a list of names without blanks
        LC_ALL=C awk '
            function is_free(line) {
                if (line ~ /^[ \t]*\|/)
                    return 1
                sub(/^[ \t]*([-*][ \t]+)?/, "", line)
                sub(/[ \t]+$/, "", line)
                return line !~ /[ \t]/ || line ~ /^\[[^]]*\]\([^) ]*\)[.,;:]?$/
            }
            FNR == 1 { code = 0 }
            { markdown = FILENAME ~ /\.md$/ }
            markdown && /^[ \t]*```/ { code = !code; next }
            markdown && code { next }
            {
                line = $0
                gsub(/[\200-\277]/, "", line)
                if (length(line) <= 100 || (markdown && is_free(line)))
                    next
                printf "%s:%d: %d columns\n", substr(FILENAME, 3), FNR, length(line)
                found = 1
            }
            END { exit found }
        ' $files
    )
}

# put FILE LINE...: a file of the copy with these lines.
put() {
    mkdir -p "$copy/$(dirname "$1")"
    file=$copy/$1
    shift
    printf '%s\n' "$@" >"$file"
}

# plant FILE LINE...: the copy with this file more must be red, and name the last line alone.
plant() {
    put "$@"
    if check "$copy" >"$copy/report"; then
        echo "not seen in $1:"
        cat "$copy/$1"
        missed=1
    elif [ "$(cut -d: -f1,2 "$copy/report")" != "$1:$(($# - 1))" ]; then
        echo "seen, but at another place:"
        cat "$copy/report"
        missed=1
    fi
    rm "$copy/$1"
}

# allow FILE LINE...: the copy with this file more must stay green.
allow() {
    put "$@"
    if ! check "$copy"; then
        echo "wrongly refused"
        missed=1
    fi
    rm "$copy/$1"
}

# Every text of the tree goes into the copy, with its folder.
copy_tree() {
    texts "$root" | (cd "$root" && tar -cf - -T -) | (cd "$copy" && tar -xf -)
}

selftest() {
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    copy_tree
    # Only a clean copy shows that it is the planted line that turns it red.
    check "$copy" || { echo "the tree itself is not clean"; exit 1; }
    missed=0
    ten='123456789 '
    ninety=$ten$ten$ten$ten$ten$ten$ten$ten$ten

    plant planted.md '' "${ninety}12345678901"
    plant docs/planted.md '' "- ${ninety}123456789"
    plant docs/planted.md '```sh' "${ninety}12345678901" '```' "${ninety}12345678901"
    plant docs/planted.md '' "[a link](a.md) ${ninety}"
    plant docs/new/planted.md '' "    ${ninety}1234567"
    plant spool/planted.c '' "// ${ninety}12345678"
    plant spool/new/planted.h '' "/* ${ninety}12345 */"
    plant spool/planted.c '' "// $(printf '%0100d' 0)"

    allow planted.md '' "${ninety}1234567890"
    allow planted.md '' "${ninety}éééé→→→→……"
    allow planted.md '```sh' "${ninety}12345678901" '```'
    allow planted.md '' "| ${ninety}12345678901 |"
    allow planted.md '' "- [words and words](https://example.org/$(printf '%090d' 0))"
    allow planted.md '' "https://example.org/$(printf '%090d' 0)"
    allow spool/planted.c '' "// ${ninety}1234567"
    allow build/planted.md '' "${ninety}12345678901"

    return "$missed"
}

case "${1:-}" in
--selftest) selftest ;;
*) check "${1:-$root}" ;;
esac
