# SPDX-License-Identifier: MIT
"""Of ten topics one is denied, one is missing, one has a partition without a leader: the others go on as before, and once mended
the rest arrives by itself, in order. In both modes. (./dev bench isolation has the figure; here it is only checked that it is near.)"""
import os

from harness import check, say
from isolation import BAD, GOOD, Scene

for delivery in os.environ.get("PENSTOCK_DELIVERY", "exactly_once,at_least_once").split(","):
    say(f"== {delivery}")
    scene = Scene(delivery)
    alone, beside = scene.measure(5, limit=8000)
    check(beside >= 0.7 * alone, f"{beside:.0f} instead of {alone:.0f} events/s")
    topics = scene.agent.status()["topics"]
    check(all(topics[topic]["pending"] > 0 for topic in BAD), f"the topics in trouble wait: {topics}")
    check(topics["denied"]["delivered"] == topics["missing"]["delivered"] == 0, f"nothing went where nothing can: {topics}")
    log = scene.agent.log_text()
    check(all(f"topic={topic} " in log for topic in BAD) and not any(f"event=lane_backing_off topic={topic} " in log for topic in GOOD),
          "the log names them, and no other")
    scene.mend()
    books = scene.agent.status()
    check(books["lost"] == 0 and books["dead_lettered"] == 0, f"{books}")
    say(f"mended: everything arrived, {scene.check_all(delivery == 'at_least_once')} repeats")
    scene.end()
