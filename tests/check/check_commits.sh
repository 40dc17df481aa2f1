#!/bin/sh
# Holds the subjects of commits: at most 72 characters, and nothing that says "work in progress".
#
#   check_commits.sh             looks at the commits since the rule; exit 1 and the hash of each bad
#                                one; 77 without git or its history
#   check_commits.sh --selftest  plants bad subjects in a repository of its own
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
before=6bd30d4 # the rule holds for what came after this commit

# check TREE [FIRST]: the subjects in FIRST..HEAD, or of all commits.
check() {
    git -C "$1" log --format='%h %s' ${2:+"$2"..}HEAD | LC_ALL=C awk '
        {
            subject = $0
            sub(/^[^ ]* /, "", subject)
            gsub(/[\200-\277]/, "", subject) # so that length() counts characters
            why = ""
            if (length(subject) > 72)
                why = length(subject) " characters: the why belongs in the body"
            else if (tolower(subject) ~ /^(wip|fixup!|squash!)/)
                why = "unfinished"
            if (why != "") {
                print $1 ": " why ": " subject
                found = 1
            }
        }
        END { exit found }'
}

selftest() {
    repository=$(mktemp -d)
    trap 'rm -rf "$repository"' EXIT
    git -C "$repository" init -q
    commit() {
        git -C "$repository" -c user.name=a -c user.email=a@b commit -q --allow-empty -m "$1"
    }
    commit "Say something of 72 characters, so that the longest subject is just fine"
    check "$repository" || { echo "a good subject was refused"; exit 1; }
    commit "Say something of 73 characters, so that the longest subject is not so fine"
    ! check "$repository" >/dev/null || { echo "a long subject was not seen"; exit 1; }
    check "$repository" HEAD || { echo "an older subject was looked at"; exit 1; }
    commit "wip2"
    ! check "$repository" HEAD~1 >/dev/null || { echo "wip was not seen"; exit 1; }
}

command -v git >/dev/null || exit 77
case "${1:-}" in
--selftest) selftest ;;
*)
    git -C "$root" rev-parse -q --verify "$before^{commit}" >/dev/null 2>&1 ||
        { echo "no history back to $before"; exit 77; }
    check "$root" "$before"
    ;;
esac
