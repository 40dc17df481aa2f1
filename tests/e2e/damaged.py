# SPDX-License-Identifier: MIT
"""Damaged spools from `penstock_damage make`, with what they held and what the damage must cost; and all that must be true of them once
an agent has dealt with them."""
import json
import os
import subprocess

from harness import SOURCE, Kafka, check
from losses import consumed, listed, penstock, report_of, reports, segments

MAKER = os.environ.get("PENSTOCK_DAMAGE", os.path.join(SOURCE, "build/dev/penstock_damage"))
TOPICS = ("orders", "clicks", "a.topic-with_a-longer.name")
REPORT_S = 10   # the promise: the report is there so soon after the rest is delivered


def keeping_kafka():
    """A Kafka of one's own that keeps events however old they are: those of these spools are."""
    os.environ["KAFKA_PROPS"] = "log.retention.ms=-1"
    return Kafka()


class DamagedSpool:
    """label: every value begins with "<label>-<number>-"; labels of one length have the same values behind that."""

    def __init__(self, path, label, *options, events=None):
        self.path, self.label = path, label
        out = path + ".json"
        words = [MAKER, "make", "--to", path, "--out", out, "--label", label, *options]
        done = subprocess.run(words + (["--events", events] if events else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        check(done.returncode == 0, f"{' '.join(words)}: {done.stdout.decode(errors='replace')}")
        with open(out) as f:
            expected = json.load(f)
        self.what, self.events = expected["what"], expected["events"]
        self.segments = {int(segment["id"]): segment for segment in expected["segments"]}
        self.missing = set()
        for first, last in expected["missing"]:
            self.missing.update(range(first, last + 1))
        self.lost, self.uncertain = set(), set()
        self._name_ids()
        check((len(self.lost), len(self.uncertain)) == (expected["lost"], expected["uncertain"]), f"{out} contradicts itself")

    def _name_ids(self):
        """What is missing from a segment: first what is surely lost, then what is uncertain, then what nothing tells of."""
        number = 0
        for segment, known in self.segments.items():
            ids = [(segment << 24) + i for i in range(known["events"]) if number + i in self.missing]
            self.lost.update(ids[:known["lost"]])
            self.uncertain.update(ids[known["lost"]:known["lost"] + known["uncertain"]])
            number += known["events"]

    def check_verify(self):
        """`penstock spool verify` finds the same, and tells by its exit code."""
        code, text = penstock("spool", "verify", "--json", self.path)
        found = [json.loads(line) for line in text.splitlines()]
        self._compare("penstock spool verify", found)
        kept = {segment["quarantine"] for segment in self.segments.values()}
        if self.lost or self.uncertain or "yes" in kept:
            check(code == 1, f"{self.what}: verify ends with {code}: {text}")
        elif kept == {"no"}:
            check(code == 0, f"{self.what}: verify ends with {code}: {text}")
        return code

    def check_vanished(self):
        """Of a whole segment that is gone, `penstock spool verify` names every event: a later one tells of it. The segment comes back."""
        segment = list(self.segments)[1]
        place = os.path.join(self.path, "segments", str(segment))
        os.rename(place, self.path + ".gone")
        code, text = penstock("spool", "verify", "--json", self.path)
        os.rename(self.path + ".gone", place)
        rows = [json.loads(line) for line in text.splitlines()]
        check(code == 1 and len(rows) == 1 and rows[0]["vanished"], f"without segment {segment} verify ends with {code}: {text}")
        expected = {(segment << 24) + i for i in range(self.segments[segment]["events"])}
        check(listed(rows[0]) == expected, f"verify doesn't name the events of a segment that is gone: {text}")

    def _compare(self, who, found):
        for what, expected in (("lost", self.lost), ("uncertain", self.uncertain)):
            named = set().union(*(listed(row, what) for row in found))
            check(named == expected, f"{self.label}, {self.what[:300]}: {who} doesn't call {self._places(expected - named)} {what}, but "
                  f"{self._places(named - expected)}")

    def _places(self, ids):
        order = {segment: number for number, segment in enumerate(self.segments)}
        return f"{len(ids)} events {[f'{i & 0xffffff} of segment {order.get(i >> 24)}' for i in sorted(ids)[:6]]}"

    def is_reported(self):
        """Every segment that must be in quarantine is there, with its report."""
        return all(report_of(self.path, segment) for segment, known in self.segments.items() if known["quarantine"] == "yes")

    def check_reports(self):
        found = reports(self.path)
        for report in found:
            known = self.segments.get(int(report["segment"]))
            check(known and known["quarantine"] != "no" and report["kind"] == "damaged", f"{self.what}: needless report {report}")
            check(report["events_recovered"] <= known["events"] and report["files"], f"{self.what}: {report}")
        self._compare("the loss reports", found)
        check(set(segments(self.path, "quarantine")) == {int(report["segment"]) for report in found}, f"{self.what}: quarantine without report")
        return found

    def must_arrive(self):
        return self.events - len(self.missing)


def read_events(path, label):
    """What a spool without damage held, by number: (topic, partition, time, key, headers, value without its label)."""
    with open(path) as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    return [(topic, int(partition), int(time), key, headers, value[len(label):]) for topic, partition, time, key, headers, value in rows]


def arrived(bootstrap):
    """All that is in Kafka, by label: a list of (number, (topic, partition, time, key, headers, value without its label), salvaged)."""
    by_label = {}
    for topic in TOPICS:
        for partition, _, time, key, headers, value in consumed(bootstrap, topic):
            label = value[:value.find("-", value.find("-") + 1)]
            number = value[len(label) + 1:].split("-", 1)[0]
            names = [header for header in headers.split(",") if header and header != "penstock-salvaged=1"]
            row = (topic, partition, time, key, ",".join(names), value[len(label):])
            by_label.setdefault(label, []).append((int(number) if number.isdigit() else -1, row, "penstock-salvaged=1" in headers))
    return by_label


def check_arrived(spool, rows, events):
    """Exactly the events whose frames were not touched, each once, byte for byte. Returns how many were salvaged from among damage."""
    seen = set()
    for number, row, _ in rows:
        check(0 <= number < spool.events and number not in spool.missing, f"{spool.label}, {spool.what}: {row} must not arrive")
        check(number not in seen, f"{spool.label}, {spool.what}: event {number} came twice")
        seen.add(number)
        expected = events[number]
        same = row == expected if expected[1] >= 0 else row[0] == expected[0] and row[2:] == expected[2:]
        check(same, f"{spool.label}, {spool.what}: event {number} has changed: {row}, was {expected}")
    check(len(seen) == spool.must_arrive(), f"{spool.label}, {spool.what}: {spool.must_arrive() - len(seen)} intact events are missing, e.g. "
          f"{[n for n in range(spool.events) if n not in seen and n not in spool.missing][:5]}")
    return sum(salvaged for _, _, salvaged in rows)
