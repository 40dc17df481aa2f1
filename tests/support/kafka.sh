#!/bin/sh
# A real Kafka broker for tests: one KRaft node per data directory, on 127.0.0.1 only.
#
#   kafka.sh fetch             put the broker's jars into .cache/kafka/libs-VERSION
#   kafka.sh start DIR PORT    start on PORT (controller: PORT+1), print its pid once it answers
#   kafka.sh stop DIR          SIGTERM, then SIGKILL when that takes too long
#   kafka.sh kill DIR          SIGKILL
#
# KAFKA_VERSION is the broker's version, for fetch and start; a fetch for each.
# KAFKA_PROPS holds extra server.properties lines for `start`, KAFKA_FORMAT extra words for formatting the storage (--add-scram …),
# KAFKA_CLUSTER_ID the cluster that a further broker belongs to. Data in DIR outlives stop and kill.
set -eu

support=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$support/../.." && pwd)
cache=$root/.cache/kafka
pom=$support/kafka-pom.xml
version=${KAFKA_VERSION:-4.1.0}
libs=$cache/libs-$version
stamp=$cache/fetched-$version.xml

die() {
    echo "kafka.sh: $*" >&2
    exit 1
}

# The stamp is a copy of the pom: a new version in it means a new fetch.
fetched() {
    [ -f "$stamp" ] && cmp -s "$pom" "$stamp"
}

fetch_jars() {
    fetched && return 0
    rm -rf "$stamp" "$libs.new"
    mvn -q -B -f "$pom" dependency:copy-dependencies "-Dkafka.version=$version" -DincludeScope=runtime -DoutputDirectory="$libs.new" \
        >"$cache/fetch.log" 2>&1 || die "maven could not fetch the broker: $(tail -n 20 "$cache/fetch.log")"
    rm -rf "$libs"
    mv "$libs.new" "$libs"
    cp "$pom" "$stamp"
}

# Test cases run side by side, so only one of them may fetch; the kernel drops the lock if it dies.
fetch() {
    fetched && return 0
    mkdir -p "$cache"
    (
        flock -w 600 9 || die "another fetch holds $cache/lock"
        fetch_jars
    ) 9>"$cache/lock"
}

# A pid file can outlive its broker and the pid be reused: the command line has to name this directory.
running() {
    [ -f "$1/pid" ] || return 1
    pid=$(cat "$1/pid")
    [ -n "$pid" ] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$1/server.properties"
}

write_properties() {
    cat >"$1/server.properties" <<EOF
process.roles=broker,controller
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($2 + 1))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$2
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/data
num.partitions=4
auto.create.topics.enable=true
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
${KAFKA_PROPS:-}
EOF
}

log4j_config() {
    cat >"$1/log4j2.properties" <<EOF
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=stdout
EOF
}

# shellcheck disable=SC2086 # KAFKA_FORMAT is words
format_storage() {
    [ -f "$1/data/meta.properties" ] && return 0
    java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$libs/*" kafka.tools.StorageTool \
        format -t "$(cluster_id)" -c "$1/server.properties" ${KAFKA_FORMAT:-} >"$1/format.log" 2>&1 ||
        die "formatting $1 failed: $(tail -n 5 "$1/format.log")"
}

# Kafka's own spelling of a UUID: 16 bytes, URL-safe base64, no padding, no leading dash.
cluster_id() {
    [ -z "${KAFKA_CLUSTER_ID:-}" ] || { echo "$KAFKA_CLUSTER_ID"; return; }
    echo "P$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | cut -c 2-22)"
}

answers() {
    kcat -L -b "127.0.0.1:$1" -m 2 >/dev/null 2>&1
}

start() {
    running "$1" && die "a broker already runs in $1"
    fetched || die "no jars yet: run '$0 fetch' first"
    answers "$2" && die "port $2 is taken"
    write_properties "$1" "$2"
    log4j_config "$1"
    format_storage "$1"
    # Its own session, so that a ^C meant for the caller does not end the broker too.
    setsid java -Xmx512m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$1/log4j2.properties" \
        -cp "$libs/*" kafka.Kafka "$1/server.properties" </dev/null >>"$1/server.log" 2>&1 &
    broker=$!
    echo "$broker" >"$1/pid"
    deadline=$(($(date +%s) + 60))
    until answers "$2"; do
        kill -0 "$broker" 2>/dev/null || die "the broker died: $(tail -n 20 "$1/server.log")"
        if [ "$(date +%s)" -ge "$deadline" ]; then
            kill -KILL "$broker" 2>/dev/null || :
            die "no answer on port $2 within 60 s: $(tail -n 20 "$1/server.log")"
        fi
        sleep 0.1
    done
    echo "$broker"
}

# wait_gone DIR SECONDS
wait_gone() {
    deadline=$(($(date +%s) + $2))
    while running "$1"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

finish() {
    if running "$1"; then
        kill "-$2" "$pid" 2>/dev/null || :
        if ! wait_gone "$1" 20; then
            kill -KILL "$pid" 2>/dev/null || :
            wait_gone "$1" 10 || die "pid $pid does not die"
        fi
    fi
    rm -f "$1/pid"
}

absolute() {
    (CDPATH='' cd -- "$1" && pwd)
}

case "${1:-}:$#" in
fetch:1) fetch ;;
start:3)
    mkdir -p "$2"
    dir=$(absolute "$2")
    start "$dir" "$3"
    ;;
stop:2)
    [ -d "$2" ] || exit 0
    dir=$(absolute "$2")
    finish "$dir" TERM
    ;;
kill:2)
    [ -d "$2" ] || exit 0
    dir=$(absolute "$2")
    finish "$dir" KILL
    ;;
*)
    sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0" >&2
    exit 2
    ;;
esac
