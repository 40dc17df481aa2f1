# SPDX-License-Identifier: MIT
"""Clients that know, at any moment, which of their events were acknowledged, under which id; and what each event must look like.

penstock_load is faster but tells afterwards; here the set of acknowledged events can be taken just before something breaks.
"""
import http.client
import threading
import time

from harness import check, consume

SEPARATOR = "~"


def make_value(name, size):
    """Tells what it is, whole: a value that isn't exactly this was garbled."""
    head = f"{name}{SEPARATOR}{size}{SEPARATOR}"
    return (head * (size // len(head) + 1))[:max(size, len(head))]


def check_value(value):
    """The event's name, or None: nobody sent this."""
    parts = value.split(SEPARATOR, 2)
    if len(parts) < 3 or not parts[1].isdigit() or make_value(parts[0], int(parts[1])) != value:
        return None
    return parts[0]


def check_arrived(bootstrap, topic, names):
    """All of them are in Kafka's topic, and nothing there was garbled. Returns the number of different events there."""
    there = set()
    for row in consume(bootstrap, topic):
        name = check_value(row[4])
        check(name is not None, f"garbled in Kafka: {row[4][:200]}")
        there.add(name)
    gone = set(names) - there
    check(not gone, f"{len(gone)} acknowledged events are not in Kafka, e.g. {sorted(gone)[:5]}")
    return len(there)


class Sender(threading.Thread):
    def __init__(self, agent, topic, prefix, sizes):
        super().__init__(daemon=True)
        self.agent, self.topic, self.prefix, self.sizes = agent, topic, prefix, sizes
        self.acknowledged = []   # (name, id), only appended to
        self.refused = []        # (time, status, body)
        self.sent = 0            # names below this may be anywhere
        self.longest_s = 0.0     # that an answer took
        self.ended = threading.Event()

    def run(self):
        connection = None
        while not self.ended.is_set():
            name = f"{self.prefix}.{self.sent}"
            body = make_value(name, self.sizes[self.sent % len(self.sizes)]).encode()
            self.sent += 1
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.agent.port, timeout=30)
                    connection.connect()
                begun = time.time()
                connection.request("POST", f"/topics/{self.topic}", body, {"Content-Type": "application/octet-stream"})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.01)
                continue
            self.longest_s = max(self.longest_s, time.time() - begun)
            if answer.status == 200:
                self.acknowledged.append((name, int(answer.headers["Penstock-First-Event-Id"])))
            else:
                self.refused.append((time.time(), answer.status, text))
                self.ended.wait(0.02)


class Senders:
    """Several at once; names are unique as long as the label is."""

    def __init__(self, agent, topic, label, count=6, sizes=(300, 2000, 9000, 30000)):
        self.threads = [Sender(agent, topic, f"{label}.{i}", sizes) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def count(self):
        return sum(len(thread.acknowledged) for thread in self.threads)

    def acknowledged(self):
        """Up to this moment."""
        lengths = [len(thread.acknowledged) for thread in self.threads]
        return {name: id for thread, length in zip(self.threads, lengths) for name, id in thread.acknowledged[:length]}

    def refused(self):
        return [refusal for thread in self.threads for refusal in thread.refused]

    def stop(self):
        for thread in self.threads:
            thread.ended.set()
        for thread in self.threads:
            thread.join(60)
