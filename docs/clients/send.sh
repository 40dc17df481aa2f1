#!/bin/sh
# Sends one event and waits until it is on disk: sh send.sh http://127.0.0.1:8080/topics/door 'door opened'
set -eu
answer=$(mktemp -d)
trap 'rm -rf "$answer"' EXIT

header() { # NAME: its value in the answer
    tr -d '\r' <"$answer/headers" | sed -n "s/^$1: //Ip"
}

# What isn't known to be stored is sent again: a consumer may see it twice, but never not at all.
while :; do
    code=$(printf '%s' "$2" | curl --silent --max-time 30 --data-binary @- --dump-header "$answer/headers" --output "$answer/body" \
                                   --write-out '%{http_code}' "$1") || code=none
    case $code in
    200) header Penstock-Last-Event-Id; exit ;;
    503) sleep "$(header Retry-After)" ;;
    none) sleep 1 ;;
    *) cat "$answer/body" >&2; exit 1 ;; # the request itself is wrong
    esac
done
