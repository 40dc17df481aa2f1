# SPDX-License-Identifier: MIT
"""What tests about damage share: loss reports, what `penstock` says of a spool, and what every event's value must be."""
import json
import os
import subprocess

from harness import PROGRAM, check, consume

PADDING_SIZE = 1 << 20


def segments(spool, folder="segments"):
    """Ids, oldest first; not those that are made ahead."""
    path = os.path.join(spool, folder)
    return sorted(int(name) for name in os.listdir(path) if name.isdigit())


def log_path(spool, segment):
    return os.path.join(spool, "segments", str(segment), "000003.log")


def report_of(spool, segment):
    """The loss report, once it is there."""
    try:
        with open(os.path.join(spool, "quarantine", str(segment), "loss-report.json")) as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def reports(spool):
    return [report for report in (report_of(spool, segment) for segment in segments(spool, "quarantine")) if report]


def listed(report, what="lost"):
    """The ids that a report names."""
    ids = set()
    for part in report[what]:
        ids.update(range(int(part["first"]), int(part["last"]) + 1))
    check(len(ids) == report["events_" + what], f"{report['events_' + what]} events {what}, but {len(ids)} ids: {report}")
    return ids


def penstock(*words, timeout=60):
    """Exit code and what was printed: the result, or else what was said of it (progress and errors go to stderr)."""
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    return done.returncode, (done.stdout or done.stderr).decode(errors="replace").strip()


def consumed(bootstrap, topic):
    """All of a topic with its headers: (partition, offset, time, key, headers, value), sorted. Garbage that doesn't look like that fails."""
    rows = consume(bootstrap, topic, "%p\t%o\t%T\t%k\t%h\t%s\n")
    for row in rows:
        check(len(row) == 6 and row[0].isdigit() and row[1].isdigit() and row[2].lstrip("-").isdigit(), f"in {topic} is {row!r:.300}")
    return sorted((int(p), int(o), int(t), key, headers, value) for p, o, t, key, headers, value in rows)


def load_value_maker():
    """The values of the load generator, made again from their documentation: tests/support/load_value.h."""
    x, padding = 88172645463325252, bytearray(PADDING_SIZE)
    for i in range(PADDING_SIZE):
        x ^= (x << 13) & 0xffffffffffffffff
        x ^= x >> 7
        x ^= (x << 17) & 0xffffffffffffffff
        padding[i] = b"0123456789abcdef"[x & 15]
    padding = padding.decode()

    def value(name, size):
        _, connection, number = name.rsplit("-", 2)
        text, at = name + "-", (int(number) * 208 + int(connection) * 65521) % PADDING_SIZE
        while len(text) < size:
            text += padding[at:at + size - len(text)]
            at = 0
        return text
    return value
